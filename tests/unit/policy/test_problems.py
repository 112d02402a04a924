"""How a problem is told, and how a report collects them."""

from __future__ import annotations

from conntrack.policy.problems import SHOWN, PolicyError, Problem, Report, did_you_mean
from conntrack.policy.values import Position


def at(line: int, column: int, file: str = "rules.yaml") -> Position:
    return Position(file, line, column)


def test_a_problem_in_full() -> None:
    problem = Problem(at(12, 3), 'unknown zone "lna"', 'did you mean "lan"?', "  lna -> wan: accept")
    assert str(problem) == (
        'rules.yaml:12:3: unknown zone "lna"\n    lna -> wan: accept\n    ^\n    hint: did you mean "lan"?'
    )


def test_a_warning_says_so() -> None:
    assert str(Problem(at(1, 1), "odd", warning=True)) == "rules.yaml:1:1: warning: odd"


def test_what_concerns_the_whole_file_has_no_line() -> None:
    assert str(Problem(at(0, 0), "cannot be read")) == "rules.yaml: cannot be read"


def caret(line: str, column: int) -> str:
    """The character of the shown line that the caret stands under."""
    _, shown, marker = str(Problem(at(1, column), "x", line=line)).split("\n")
    return shown[marker.index("^") : marker.index("^") + 1]


def test_the_caret_stands_under_the_column() -> None:
    assert caret("  a: [b, c]", 7) == "b"
    assert caret("\ta: b", 5) == "b", "a tab is one column wide"
    assert caret("größe: x", 8) == "x"
    assert caret("abc", 3) == "c"


def test_a_caret_behind_the_line_stands_at_its_end() -> None:
    assert str(Problem(at(1, 99), "x", line="abc")).split("\n")[2] == "       ^"


def test_a_long_line_is_cut_to_what_is_around_the_caret() -> None:
    line = "x" * 500 + "Y" + "z" * 500
    shown = str(Problem(at(1, 501), "x", line=line)).split("\n")[1]
    assert "Y" in shown
    assert len(shown) <= SHOWN + 4
    assert caret(line, 501) == "Y"


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in str(Problem(at(1, 1), "x", line="a\x1b[31mb"))


def test_problems_come_in_the_order_of_the_file_and_once() -> None:
    report = Report("rules.yaml", "one\ntwo\n")
    report.error(at(2, 1), "second")
    report.error(at(1, 5), "first, later")
    report.error(at(1, 2), "first")
    report.error(at(2, 1), "second")
    assert [problem.message for problem in report.errors()] == ["first", "first, later", "second"]
    assert report.errors()[0].line == "one"


def test_a_settled_line_takes_no_consequences() -> None:
    report = Report("rules.yaml", "one\ntwo\n")
    report.error(at(1, 2), "cause")
    report.warn(at(2, 1), "odd")
    report.settle()
    report.error(at(1, 7), "consequence")
    report.error(at(2, 1), "another")
    assert [problem.message for problem in report.errors()] == ["cause", "another"]
    assert [problem.message for problem in report.warnings()] == ["odd"]


def test_the_line_of_another_file_is_not_guessed() -> None:
    assert Report("rules.yaml", "one").line(at(1, 1, "other.yaml")) == ""


def test_a_part_of_a_word_is_found_where_it_stands_whole() -> None:
    report = Report("rules.yaml", "  lan, an -> wan: 'sat an'")
    assert report.inside(at(1, 3), "lan, an -> wan", "an") == at(1, 8)
    assert report.inside(at(1, 19), "sat an", "an") == at(1, 24), "behind the quote"
    assert report.inside(at(1, 3), "lan, an -> wan", "dmz") == at(1, 3)
    assert report.inside(at(1, 3), "something else", "else") == at(1, 3)


def test_did_you_mean() -> None:
    assert did_you_mean("htps", ["http", "https", "dns"]) == 'did you mean "https"?'
    assert did_you_mean("HTTPS", ["http", "https"]) == 'did you mean "https"?'
    assert did_you_mean("echo", ["reply", "echo-request"]) == 'did you mean "echo-request"?'
    assert did_you_mean("xyz", ["lan", "wan"]) == "known here: lan, wan"
    assert did_you_mean("xyz", []) == ""
    assert did_you_mean("xyz", [f"service-{n}" for n in range(99)]) == "", "too many to be of use"


def test_the_error_shows_all() -> None:
    error = PolicyError([Problem(at(1, 1), "a"), Problem(at(2, 1), "b")])
    assert str(error) == "rules.yaml:1:1: a\nrules.yaml:2:1: b"
    assert len(error.problems) == 2
