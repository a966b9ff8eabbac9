"""What the scripts beside this one share: whole processes, timed in turn, and their medians."""

import dataclasses
import resource
import statistics
import subprocess
import sys
import time


@dataclasses.dataclass
class Run:
    """One process: seconds by the wall and of the processor, the most memory in MiB, and what it printed."""

    wall: float
    processor: float
    memory: float
    output: str


def timed(command, stdin=None):
    """The run of a command, with all processes that it starts."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    # The most memory of a child of this process would be this process's own, hence another in between.
    command = ["/usr/bin/time", "-f", "%M", *map(str, command)]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{command[3:6]}: {done.stderr[-4000:]}")
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall, processor, int(done.stderr.split()[-1]) / 1024, done.stdout.strip())


def median(runs):
    """The medians of some runs, with what the last of them printed."""
    of = lambda part: statistics.median(getattr(run, part) for run in runs)
    return Run(of("wall"), of("processor"), of("memory"), runs[-1].output)


def contest(contenders, runs):
    """Medians by the contender's name, of a command and its input each. They run in turn, so that caches and load are
    shared alike; the first round warms the file cache and does not count."""
    of = {name: [] for name in contenders}
    for round in range(runs + 1):
        print(f"round {round} of {runs}", file=sys.stderr)
        for name, (command, stdin) in contenders.items():
            of[name].append(timed(command, stdin))
    return {name: median(runs[1:]) for name, runs in of.items()}


def table(medians, unit):
    """Medians as `docs/performance.md` has them; the last column is the processor's time as multiples of `unit`'s."""
    print(f"| | wall | processor | memory | processor, to {unit} |\n| --- | --- | --- | --- | --- |")
    for name, of in medians.items():
        ratio = of.processor / medians[unit].processor
        print(f"| {name} | {of.wall:.3f} s | {of.processor:.2f} s | {of.memory:,.0f} MiB | {ratio:.1f} |", flush=True)
