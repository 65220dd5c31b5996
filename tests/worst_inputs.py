"""The worst input of every pattern in `batch/`: what makes a careless one take its square.

`test_patterns.py` finds the patterns and tries each; one that is not named here fails it.
"""

from collections.abc import Callable
from dataclasses import dataclass

LENGTH = 200_000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """What is tried with a pattern.

    by: how it is used: match, fullmatch, search or sub of `re`, or polars.
    of: these characters, repeated to the full length. before, after: what stands round them.
    pattern: what is tried where the program makes the pattern as it runs.
    """

    by: str
    of: str
    before: str = ""
    after: str = ""
    pattern: str | bytes | None = None

    @property
    def text(self) -> str:
        """The input."""
        return self.before + (self.of * (LENGTH // max(1, len(self.of)) + 1))[:LENGTH] + self.after


def _by(how: str) -> Callable[..., Worst]:
    return lambda of, before="", after="", pattern=None: Worst(
        by=how, of=of, before=before, after=after, pattern=pattern
    )


match, full, search, sub, polars = map(_by, ("match", "fullmatch", "search", "sub", "polars"))

_ID = r"[0-9a-fA-F]{24}"
_CUT = r"\A(?:[0-9a-fA-F]{24})\z"

# By file below `batch/` and the pattern as it stands there, as `ast.unparse` writes it.
WORST: dict[str, dict[str, tuple[Worst, ...]]] = {
    "api/address.py": {
        r"'(?=.{1,253}$)[\\w-]{1,63}(\\.[\\w-]{1,63})*\\.?'": (full("a."), full("a")),
        r"'(/[\\w~-][\\w.~-]*)*/?'": (full("/a", after="!"), full("a", before="/", after="!")),
        r"'[!-~]+'": (full("a", after=" "),),
    },
    "api/budgets.py": {r"'-?[0-9]{1,15}(\\.[0-9]{1,9})?'": (full("1"), full("1."))},
    "api/excerpt.py": {
        r"'<(script|style)\\b.*?(</\\1\\s*>|\\Z)'": (
            sub("<script>"),
            sub("<script></script"),
            sub(" ", before="<script></script"),
            sub("</script "),
        ),
        r"'<[^<>]*>'": (sub("<"), sub("a", before="<")),
        r"'\\bsk_\\w+'": (sub("sk_"), sub(" sk_")),
        r"f'\\bs{_INVISIBLE}k{_INVISIBLE}_(?:{_INVISIBLE}\\w)+'": (
            sub("\u200b", before="s"),
            sub("s\u200b"),
            sub("\u200b", before="sk_a"),
            sub("sk_\u200b"),
        ),
    },
    "api/faults.py": {
        r"'[1-5][0-9]{2}\\b'": (match("1"),),
        "'(?<![: ])[: ]*+\\\\b(bytearray\\\\()?b[\\'\\\\\"].*'": (sub(": "), sub("bytearray(")),
    },
    "api/headers.py": {
        r"'(?P<number>[0-9]+(?:\\.[0-9]+)?)(?: ?(?:(?P<ms>ms|milliseconds?)|s|secs?|seconds?|"
        r"(?P<min>min|minutes?)|(?P<h>h|hours?)))?'": (
            full("1", after="x"),
            full("1", before="1."),
            full(" ", before="1"),
            full("s", before="1"),
        ),
        """\"[0-9]{1,3}(?:[,'_][0-9]{3}){1,4}(?:\\\\.[0-9]{1,9})?\"""": (
            full(",000", before="1"),
            full("1"),
            full("1", before="1,000."),
        ),
        r"'[A-Z][a-z]{2} (?P<month>[A-Z][a-z]{2}) (?P<day>[0-9]{2}) (?P<year>[0-9]{4}) "
        r"(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2}) GMT(?P<zone>[+-][0-9]{4})(?: \\([^()]*\\))?'": (
            full("a"),
            full("Mon "),
            full("a", before="Mon Nov 30 2026 14:20:00 GMT+0000 ("),
            full("(", before="Mon Nov 30 2026 14:20:00 GMT+0000 "),
        ),
    },
    "api/sendkit.py": {r"'[!-~]+'": (full("a", after=" "),)},
    "api/wire.py": {r"'[A-Za-z0-9_-]+'": (full("a", after="!"),)},
    "judging/format_1.py": {
        "_FORMULA": (polars("'"),),
        "_NUMBER": (polars("1 ", after="x"),),
    },
    "escape.py": {
        "_FORMULA": (match("'"), polars("'")),
        "_NUMBER": (full("1 ", after="x"),),
        r"f'^(?:{_NUMBER})\\z'": (polars("1 ", after="x"),),
    },
    "jobs/resolving.py": {
        r"'[A-Za-z0-9_-]+'": (full("a", after="!"),),
        r"f'\\A(?:{pattern})\\z'": (
            polars("a", after="!", pattern=_CUT),
            polars("a", after="!", pattern=r"\A(?:(a+)+)\z"),
        ),
    },
    "judging/explain.py": {
        r"'[+-]?\\d+(?:[.,]\\d+)?E[+-]?\\d+'": (
            full("1"),
            full("1", before="1."),
            full("1", before="1E", after="x"),
        ),
        "'[0-9a-fA-F]+'": (full("a", after="x"),),
        "LINE_BREAK": (search("a"),),
        "FORMULA": (search("a="),),
        "SHEET_ERROR": (search("#"), search("#", after="x"), search("#N/A")),
    },
    "judging/rules.py": {
        "_whole(rules.id_pattern)": (polars("a", pattern=_CUT),),
        "pattern": (polars("a", pattern=_CUT),),
    },
    "judging/texts.py": {
        "f'{LINE_BREAK}|{FORMULA}|{SHEET_ERROR}'": (polars("#"), polars("#", after="x")),
        "_NO_VALUE": (polars("none"),),
        "_OF_STATUSES": (
            polars("("),
            polars("(", before="active"),
            polars("or ", before="active "),
        ),
        "_OF_TYPES": (polars("("), polars("text "), polars("text(", after="!x")),
        "_OF_UNITS": (polars("("), polars("24 "), polars("id ", after="x")),
        "_SAFE_ID": (polars("a", after="!"),),
    },
    "recording/plan_input.py": {"_UNSEEN": (polars("a"),)},
    "reading/content.py": {
        r"b'(?i)\\s*(?:<\\?xml\\b[^>]*+>\\s*)?+(?:<(?:!doctype html|html|head|meta|body|table|div)"
        r"\\b|<!--|MIME-Version:)'": (match(" "), match(" ", before="<?xml >"), match("<?xml ")),
        r"b'(?i)\\s*<(?:\\?xml|!doctype)\\b'": (match(" "),),
        r"""b'\\s*[\\[{]\\s*["\\[{]'""": (match(" "), match(" ", before="{")),
    },
    "reading/delimited.py": {
        r"b'\\r(?!\\n)'": (search("\r\n"), search("\n")),
        """b'(?:[^"]*+%b)*+[^"]*+' % quoted""": tuple(
            full(
                of,
                before=before,
                pattern=rb'(?:[^"]*+(?<![^,\n])"(?:[^"]++|"")*+"(?=[,\r\n]))*+[^"]*+',
            )
            for of, before in (('"', ""), ('""', ""), ('"a",', ""), ("a", '"'), ('a"', ""))
        ),
    },
    "reading/head.py": {
        r"""'"?sep=(\\\\t|[^"\\r\\n])"?[\\r\\n]*'""": (match("\n", before="sep=;"), match("sep=")),
    },
    "reading/header.py": {
        "'[0-9a-fA-F]{24}'": (full("a"),),
        r"'[0-9](?:[.,][0-9]{1,20})?[eE]\\+[0-9]{2}'": (full("1"), full("1", before="1.")),
    },
    "reading/header_row.py": {
        "'(?<![0-9a-fA-F])[0-9a-fA-F]{24}(?![0-9a-fA-F])'": (sub("a"), sub(" aaaaaaa")),
    },
    "reading/ods.py": {
        r"'PT(\\d+)H(\\d+)M(\\d+)(?:[.,]\\d+)?S'": (
            full("1", before="PT"),
            full("1", before="PT1H"),
            full("1", before="PT1H1M"),
            full("1", before="PT1H1M1."),
        ),
    },
    "reading/parquet.py": {r"'\\.0+([+-]|$)'": (polars("0", before=".", after="x"), polars(".0"))},
    "reading/proposals.py": {
        "'#([1-9][0-9]{0,4})'": (full("1", before="#"),),
        "_ADDRESS": (polars("a", before="a@", after=" "), polars("@"), polars("a")),
        "_ID": (polars("a"),),
    },
    "reading/sheet_xml.py": {
        "'0*([0-9]{1,7})'": (full("0"), full("0", after="x"), full("1")),
        "'[A-Za-z]{1,3}'": (full("A"),),
    },
    "reading/sheet.py": {
        r"""'"[^"]*"|\\\\.|_.|\\*.|\\[(?!(?:h+|m+|s+)\\])[^\\[\\]]*\\]'""": (
            sub("["),
            sub('"'),
            sub("h", before="["),
            sub("[h"),
            sub('["'),
            sub("\\"),
            sub("a", before='"'),
        ),
        "'[dmyhs]'": (search("0"),),
        "'[yd]'": (search("0"),),
    },
    "reading/swallowed.py": {
        r"'\\r\\n|\\r|\\n'": (sub("\r"), sub("a")),
        "'[0-9a-fA-F]{24}'": (search("a" * 23 + "x"), full("a"), polars("a" * 23 + "x")),
        r"'[^\\s@]{1,64}@[^\\s@]{1,255}'": (search("a"), search("a@"), full("a")),
        r"'\\r\\n?|\\n'": (polars("\r"), polars("a")),
        r"'[\\n\\r]'": (polars("a"),),
        r"'^([^\\r\\n]*)'": (polars("a"),),
    },
    "reading/table.py": {
        r"""'\\A\\s*="((?:[^"]|"")*)"\\s*\\z'""": (polars('"', before='="'), polars(" ")),
    },
    "reading/xlsx.py": {"'_x([0-9A-Fa-f]{4})_'": (sub("_x"), sub("_x000"))},
    "recording/journal_sql.py": {
        r"'\\s*CREATE TABLE IF NOT EXISTS (\\w+)'": (match(" "),),
    },
    "recording/folder.py": {
        r"f'\\.[^/\\\\][^/\\\\-]*+-[^/\\\\]+{re.escape(PARTIAL_SUFFIX)}'": (
            full("-", before="."),
            full("a-", before="."),
            full("a", before="."),
        ),
    },
    "recording/runfile.py": {
        r"'input(\\.[^./\\\\]{0,11}){0,2}'": (
            full(".", before="input"),
            full("a", before="input."),
        ),
    },
    "redaction.py": {
        "'[^!-~]+'": (sub(" "), sub("a ")),
        r"'[\\\\&%]'": (search("a"),),
        r"'\\\\(?:(?:u00|x)([0-9a-f]{2})|(.))'": (sub("\\"), sub("\\u00")),
        "pattern or '(?!)'": (
            search("sk_", pattern="sk_secret"),
            sub("sk_", pattern="sk_secret"),
            search("a", pattern="(?!)"),
        ),
    },
    "reporting/run_facts.py": {
        r"'[/\\\\]'": (sub("/"),),
        "f'(?<!{_NO_EDGE}){_NO_EDGE}++@(?:{_NO_EDGE}|@)+'": (sub("a"), sub("a@"), sub("@")),
    },
    "sandbox/faults.py": {
        "pattern": (full("1", pattern=r"\d+(?:\.\d+)?", after="x"),),
        "_WORDS[word]": (
            full("a;", pattern=r"[\w;-]+", after="!"),
            full("0", before="1.", pattern=r"0(?:\.\d+)?|1(?:\.0+)?", after="x"),
        ),
    },
    "sandbox/limits.py": {
        r"'(?P<kind>fixed|sliding|bucket):(?P<limit>[1-9]\\d*)/(?P<count>\\d+(?:\\.\\d+)?)?"
        r"(?P<unit>s|min|h|d)(?:,burst=(?P<burst>[1-9]\\d*))?'": (
            full("1", before="fixed:"),
            full("1", before="fixed:1/"),
            full("1", before="fixed:1/1.", after="x"),
        ),
    },
    "sandbox/world.py": {
        "'sk_(?!user_)[A-Za-z0-9_-]{1,200}'": (full("a", before="sk_"),),
        "options.id_pattern": (full("a", pattern=_ID),),
    },
    "settings/credentials.py": {"'[!-~]{1,1000}'": (full("a"),)},
    "settings/messages.py": {
        "'(?<![a-z])sk_|://[^/]*@'": (search("://"), search(":", before="://"), search("sk")),
        r"' \\(at line (\\d+), column (\\d+)\\)$'": (
            search(" (at line 1"),
            search("1", before=" (at line "),
            search("1", before=" (at line 1, column "),
        ),
    },
    "settings/model.py": {"text": (full("", pattern=_ID),)},
    "settings/values.py": {
        "f\"{_NUMBER}(?:\\\\s*/\\\\s*(?P<unit>{'|'.join(_SECONDS_OF)}))?\"": (
            full("1"),
            full(" ", before="1"),
            full(" ", before="1/"),
        ),
        r"f'{_NUMBER}\\s*%'": (full("1"), full(" ", before="1")),
        "'[0-9]{1,12}'": (full("1"),),
        "f\"{_NUMBER}\\\\s*(?P<unit>{'|'.join(_AGE_UNITS)})\"": (full("1"), full(" ", before="1")),
    },
    "jobs/requesting.py": {"'0*[1-9][0-9]{0,8}'": (full("0"), full("1"))},
    "columns.py": {
        r"'[\\s_\\u200b\\ufeff-]+'": (sub(" "), sub("a ")),
        "'[a-z][a-z0-9]*(_[a-z0-9]+)+'": (full("a"), full("a_a", after="_")),
    },
    "web/row_pages.py": {
        r"re.escape(added[0]) + '(.)' + '\\1'.join(map(re.escape, added[1:]))": (
            search("line,", pattern=r"line(.)result\1reason\1message"),
            search("line,result", pattern=r"line(.)result\1reason\1message"),
        ),
    },
    "web/uploads.py": {
        r'''"[^\\w .,;()\\[\\]+&@#%!=~\\'-]"''': (sub("\0"), sub("a")),
        r"'[/\\\\]'": (sub("/"),),
    },
}
