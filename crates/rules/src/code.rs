//! The table of all finding codes. One line of it is one kind of mistake; the manual's table is printed from it.
//!
//! `E…` is an error, and `W…` a doubt. Nearly every error keeps the rule (the test, the silence) from being used
//! ([`Code::stops_loading`]). The hundreds say where to look: 1 the file,
//! 2 the rule, 3 expressions, 4 templates, 5 tests, 6 silences, 7 `fluo.yml`, 9 what this version does not do.

use std::fmt;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The rule is not evaluated, the test not run, the silence not in force.
    Error,
    /// It is, and probably does not mean what its author thinks.
    Warning,
}

impl Level {
    /// As written in every output format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Declares the enum, its stable texts and the list of all codes from one table.
macro_rules! codes {
    ($($variant:ident $text:literal $meaning:literal,)*) => {
        /// The kind of mistake that a finding is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = concat!($text, ": ", $meaning)] $variant,)*
        }

        impl Code {
            /// Every code, ordered by text within its level.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable text: `E0103`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// Returns its meaning, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }
        }
    };
}

codes! {
    YamlSyntax "E0101" "The file is not YAML.",
    DuplicateKey "E0102" "A mapping has the same key twice.",
    UnknownKey "E0103" "A key that does not exist there.",
    WrongType "E0104" "A value of another shape than the key takes.",
    MissingKey "E0105" "A key that must be there is not.",
    InvalidValue "E0106" "A value outside those that the key takes.",
    FileTooLarge "E0107" "A file of more than 1 MiB.",
    TooDeep "E0108" "Values nested more than 64 deep.",
    TooManyAliases "E0109" "YAML aliases or `defaults` that expand to too much.",
    TooManyRules "E0110" "More than 10,000 rules loaded together.",
    NotText "E0111" "The file is not UTF-8.",
    BadMerge "E0112" "A merge key (`<<`) whose value is not a mapping or a list of mappings.",
    Unreadable "E0113" "A file, or a folder of files, that cannot be read.",
    DuplicateRule "E0201" "Two rules of one name.",
    BadDuration "E0202" "A duration that cannot be read.",
    BadNumber "E0203" "A number that cannot be read, or is out of range.",
    BadName "E0204" "A name that is not an identifier.",
    NotGroupable "E0205" "A group key that a span has more than one value for.",
    NotAggregatable "E0206" "A field that the aggregate cannot work on.",
    BadExpectation "E0207" "An entry of `expect` that does not fit `group_by`.",
    NoAggregate "E0208" "A condition that depends on no aggregate.",
    Conflict "E0209" "Two keys that exclude each other.",
    DurationUnit "E0210" "A duration compared with a plain number, or the reverse.",
    NotAsWritten "E0211" "A value that is compared as it stands, and is written as a comparison, a range or a bound.",
    ConstantCondition "E0212" "A condition that holds always, or never.",
    InhibitCircle "E0213" "Rules that inhibit each other in a circle.",
    ControlInPattern "E0214" "A regular expression that holds a control character, as `\"\\bGET\\b\"` in double quotes does.",
    NeverEqual "E0215" "A key of `equal` in `inhibit` that one of both rules is not grouped by.",
    UnknownStep "E0216" "A step that is referred to by a name that no step of the rule has.",
    DuplicateStep "E0217" "Two steps of one name in a rule.",
    TieCircle "E0218" "Steps that are tied to each other in a circle.",
    NoDemand "E0219" "A rule about traces that demands nothing of them.",
    EarlierMisfit "E0230" "A function over earlier windows that does not fit the window: a length of time that is no multiple of it (of `every`, for `offset`), or holds too few or too many.",
    BadLimits "E0240" "A table of `limits` that cannot be used: without rows, without a limit, too large, or a file that is no table.",
    LimitValue "E0241" "A value of `limits` that is no number and no duration, or of another unit than the others of its limit.",
    LimitKey "E0242" "A key of `limits` that is no key of `group_by`.",
    DuplicateLimits "E0243" "Two rows of `limits` for the same groups.",
    LimitMisplaced "E0244" "`limit.` where no group is known whose limit it could be.",
    ExprSyntax "E0301" "An expression that does not parse.",
    UnknownName "E0302" "An expression names something that does not exist.",
    TypeMismatch "E0303" "Operands of types that do not go together.",
    UnitMismatch "E0304" "A duration and a plain number in one comparison or sum.",
    UnknownFunction "E0305" "An expression calls a function that does not exist.",
    WrongArguments "E0306" "A function with arguments that it does not take.",
    BadPattern "E0307" "A regular expression that does not parse.",
    ExprTooLong "E0308" "An expression of more than 16 KiB.",
    ExprTooDeep "E0309" "An expression nested more than 64 deep.",
    BeyondOneSpan "E0310" "A TraceQL query about more than one span.",
    KinMisplaced "E0311" "`parent.` or `self_time` where the rule cannot ask for it, or a field of the parent that cannot be asked for.",
    SqlSyntax "E0320" "A query of `sql` that does not parse.",
    SqlForbidden "E0321" "A query that is more than one `SELECT` over `spans`: another statement, another table, or something that is not allowed in it.",
    SqlColumn "E0322" "A column of a query's rows that is no group, no value and no evidence.",
    SqlTooMuch "E0323" "A query that makes too much of little: too many `SELECT`s, or a text of too many texts.",
    SqlRefused "E0324" "A query that the planner refuses.",
    TemplateSyntax "E0401" "An annotation that is not a template.",
    TemplateName "E0402" "A template that names a variable, label, group key, aggregate, filter, test or function that does not exist.",
    TemplateTooDeep "E0403" "A template nested more than 64 deep, with more than 256 operators in a row, or with a loop that calls itself.",
    DuplicateTest "E0501" "Two tests of one name in a file.",
    BadTime "E0502" "A moment, offset or time of day that cannot be read, or lies outside of what can be told.",
    BadRange "E0503" "A range of times without a step, without times, or whose end comes before its beginning.",
    TooManySpans "E0504" "A test of more than 100,000 spans.",
    BadId "E0505" "A trace or span id that cannot be one, or is given to several spans.",
    UnknownParent "E0506" "A `parent`, or an entry of `links`, that no span of the test has as its `span_id`, or a span among its own ancestors.",
    UnknownExpected "E0507" "An expectation about a rule, aggregate or group key that does not exist.",
    NeverEvaluated "E0508" "An expectation about a moment that is not evaluated, or a test without a moment that is.",
    DuplicateSilence "E0601" "Two silences of one id.",
    NeverSilent "E0602" "A silence that is never in force, or matches nothing.",
    UnknownTimeZone "E0603" "A time zone that is not in the IANA database.",
    BadMatcher "E0604" "A matcher of a silence that is none: no operator, no value, a severity that there is not.",
    SilencesAll "E0605" "A silence whose matchers all match also what is not there: it would mute nearly everything.",
    DuplicateSink "E0701" "Two sinks of one name.",
    UnusableValue "E0702" "A value that its sink cannot use: an address, a header, a topic, a signing key.",
    NotReplaced "E0703" "A variable, as `${NAME}`, where none is replaced.",
    NotSupportedYet "E0901" "Part of the language that this version does not evaluate.",
    EveryBeyondWindow "W0201" "`every` longer than `window`: spans in between are never judged.",
    GroupVanishes "W0202" "A condition that holds for few spans, in a rule whose groups vanish with their spans.",
    NumberLikeText "W0203" "A plain scalar that is read as a number and was perhaps meant as text, or the reverse.",
    NoRules "W0204" "A rule file without rules.",
    UnknownRule "W0205" "`inhibit` names a rule that is not loaded.",
    PatternAsText "W0206" "A text that is compared as it stands, and looks like a pattern, or like no value of its attribute.",
    NearConvention "W0207" "An attribute near one that OpenTelemetry's conventions name, which is perhaps misspelt.",
    OtherScope "W0208" "An attribute of resources looked up in spans, or the reverse.",
    ConstantPart "W0209" "A part of a condition that holds always, or never.",
    NeverBroken "W0210" "A demand on traces that cannot be broken.",
    PresenceAlone "W0211" "A condition on traces that only asks for what is there: such a trace is a violation.",
    LevelNeverHighest "W0212" "A level of a condition that never holds without a higher one.",
    AlwaysBroken "W0213" "A demand on spans that belong together that every occasion breaks.",
    NoOccasion "W0214" "A `when` that no span can be, so that the rule never finds anything.",
    RowNeverReached "W0240" "A row of `limits` that no group reaches: a row above it is for all of its groups.",
    UnusedLimit "W0241" "A limit that nothing in the rule names.",
    GroupWithoutRow "W0242" "A group of `expect` that no row of `limits` is for: it is never judged.",
    SampledAsStored "W0243" "A rule that counts spans as they are stored, of which sampling left others out.",
    PartsMissing "W0244" "A rule about traces where more than 1 % of the traces that it looks at lack parts.",
    UnknownService "W0260" "A service that no stored span is of.",
    UnknownSpanName "W0261" "A name that no stored span has, or none of the service.",
    AbsentAttribute "W0262" "An attribute that no stored span has, or that is another's: the resource's, the span's, an event's.",
    AbsentValue "W0263" "A value that the attribute never has in stored spans, and that is near one that it has.",
    NeverTogether "W0264" "Tests of a span that each hold for some stored spans, and never for one and the same.",
    NeverNumber "W0265" "An aggregate of an attribute that never is a number in stored spans.",
    AbsentGroup "W0266" "A group of `limits` or `expect` that no stored span is in.",
    AlwaysFires "W0267" "A condition that held nearly all the time over stored spans, or a demand that every trace breaks.",
    WholeQuotient "W0301" "A quotient of two whole numbers in a query, which is cut off to a whole number.",
    NoTests "W0501" "A test file without tests.",
    UnknownGroupValue "W0502" "A test says that a group has no alert, and none of its spans is in that group.",
    SilencesNobody "W0601" "A silence names a rule that is not loaded.",
    UnknownLabel "W0602" "A silence asks for a label or group key that no rule has.",
    UnknownLabelValue "W0603" "A silence asks for a value that the label has in no rule.",
    NoRuleHasAll "W0604" "A silence asks for labels that no rule has all of.",
    MissingPath "W0701" "`rules` of `fluo.yml` names a file or folder that is not there.",
    DeafSink "W0702" "A sink asks for a label that no rule has.",
}

impl Code {
    /// The level: part of the code, so that one code cannot be an error here and a warning there.
    pub fn level(self) -> Level {
        if self.as_str().starts_with('E') { Level::Error } else { Level::Warning }
    }

    /// Returns whether a rule (a test, a silence) with such a finding cannot be used.
    ///
    /// The other errors are about rules that say something, and not what anybody means by it. `fluo check` refuses
    /// them. A deployment goes on with them, as before the release that found them: its alerts matter more.
    pub fn stops_loading(self) -> bool {
        let is_sound = matches!(
            self,
            Self::NotAsWritten
                | Self::ConstantCondition
                | Self::InhibitCircle
                | Self::ControlInPattern
                | Self::NeverEqual
        );
        self.level() == Level::Error && !is_sound
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_well_formed_distinct_and_in_order() {
        let texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert!(texts.is_sorted() && texts.windows(2).all(|pair| pair[0] != pair[1]), "{texts:?}");
        for text in texts {
            let (level, number) = text.split_at(1);
            assert!(
                matches!(level, "E" | "W") && number.len() == 4 && number.parse::<u16>().is_ok(),
                "{text}"
            );
        }
    }
}
