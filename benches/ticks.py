"""One evaluation a minute, each a process of its own, over a store that fills."""

import json
import os
import time

import contest


def newest_end(file):
    """The end of a data file's newest span in milliseconds, which its name tells."""
    return int(file.name.split("-")[1])


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def ticks(fluo, source, rules, folder, batches):
    """The run of `fluo run --once` for each second and list of files in `batches`, after those files of the store
    `source` were given to the store in `folder`, which must lie on the same file system."""
    (folder / "rules.yml").write_text(rules)
    alerts = json.dumps(str((folder / "alerts.ndjson").resolve()))
    (folder / "fluo.yml").write_text(
        f"store: store\nrules: [rules.yml]\nsinks:\n  - {{type: file, path: {alerts}}}\n"
    )
    (folder / "store").mkdir(exist_ok=True)
    for seconds, files in batches:
        for file in files:
            target = folder / "store" / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, target)
        if seconds is not None:
            yield contest.timed([fluo, "run", "--config", folder / "fluo.yml", "--once", "--at", moment(seconds)])
