"""Deliberately broken builds: each alters one line of the program and is caught by one test.

A guarantee that no test would miss is none. This list names for each the line that keeps it, what
stands there in the broken build, and the test that must then fail. When a line of the program
changes, change it here too; `test_broken_builds.py` says every day which ones don't fit any more.
"""

import os
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

from tests.support.forked_pytest import Stem

ROOT = Path(__file__).parents[1]
# What the copy needs: the tests read the samples, the example settings, the README and the manual.
_COPIED = ("batch", "tests", "samples", "pyproject.toml", "config.example.toml", "README.md")
_EVIL = "https://evil.example"  # an address of tests
_FORGED = "test_forged_plan.py::test_a_forged_plan_is_refused"
# How a failed assertion begins in pytest's words: not an error of another kind, no time-out.
_ASSERTED = ("AssertionError", "assert ", "Failed: DID NOT RAISE")
_times = count(1)  # of change, one for each build: seconds that nothing else has


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A build that breaks a guarantee.

    guarantee: in plain words, as it holds when nothing is broken. file: below `batch/`.
    line: found there exactly once. instead: what the broken build has there.
    caught_by: the test that must fail. Its file's name is enough, wherever it is below `tests/`.
    """

    guarantee: str
    file: str
    line: str
    instead: str
    caught_by: str


BUILDS = (
    # --- A run that breaks off ---
    Broken(
        guarantee="an outcome is acknowledged only once it is committed",
        file="recording/group_commit.py",
        line="        if group:\n            await",
        instead="        for entry in group:\n            self._on_durable(entry)\n"
        "        if group:\n            await",
        caught_by="test_group_commit.py::"
        "test_an_outcome_is_durable_only_after_its_commit_and_in_order_of_put[asyncio]",
    ),
    Broken(
        guarantee="what was recorded outlives a killed process",
        file="recording/journal.py",
        line=", self._db:\n            self._db.executemany(\n                sql.RECORD",
        instead=":\n            self._db.executemany(\n                sql.RECORD",
        caught_by="test_journal.py::test_what_was_recorded_outlives_a_killed_process",
    ),
    Broken(
        guarantee="every commit is flushed to the disk",
        file="recording/journal_file.py",
        line='"PRAGMA synchronous=FULL"',
        instead='"PRAGMA synchronous=OFF"',
        caught_by="test_journal.py::test_every_commit_is_flushed_to_the_disk",
    ),
    Broken(
        guarantee="two processes never write one journal",
        file="recording/journal_file.py",
        line='"PRAGMA locking_mode=EXCLUSIVE"',
        instead='"PRAGMA locking_mode=NORMAL"',
        caught_by="test_journal.py::test_a_journal_in_use_shuts_others_out_until_it_is_closed",
    ),
    Broken(
        guarantee="a row is claimed on the disk before its request may leave",
        file="sending/claims.py",
        line="            await self._news.wait()",
        instead="            claimed = self._claims[0]\n"
        "            self._ready.extend(claimed if isinstance(claimed, list) else ())",
        caught_by="test_claims.py::test_no_change_is_taken_before_its_claim_is_durable",
    ),
    Broken(
        guarantee="rows that may have been on their way at a kill are called in_flight",
        file="jobs/recorded.py",
        line="        journal.settle_claims()\n",
        instead="        journal.drop_claims()\n",
        caught_by="test_promises.py::"
        "test_rows_that_a_killed_process_claimed_are_in_flight_until_they_are_sent",
    ),
    Broken(
        guarantee="a resumed run knows what is left by line, not by position",
        file="jobs/work.py",
        line="yield lines.filter(~lines.is_in(final.implode()))",
        instead="yield lines[len(final) :]",
        caught_by="test_work.py::test_what_is_left_is_told_by_line_whatever_lies_between",
    ),
    Broken(
        guarantee="a row that ended in error is not sent again by a resume",
        file="recording/journal_sql.py",
        line='AND reason NOT IN ({_UNSENT})"',
        instead="AND reason = 'applied'\"",
        caught_by="test_work.py::test_an_error_is_as_final_as_a_success",
    ),
    Broken(
        guarantee="attempts add up over resumes",
        file="sending/retry.py",
        line="attempts=self.attempts + (self.earlier.attempts if self.earlier else 0),",
        instead="attempts=self.attempts,",
        caught_by="test_promises.py::test_attempts_add_up_over_resumes_and_the_first_start_is_kept",
    ),
    # --- What went out without a known answer ---
    Broken(
        guarantee="that a request may have been applied outlives every later outcome of its row",
        file="recording/journal.py",
        line="            self._db.executemany(sql.DOUBT, doubts)\n",
        instead="",
        caught_by="test_journal.py::test_a_line_in_doubt_stays_so_whatever_is_recorded_later",
    ),
    Broken(
        guarantee="a row that is sent again is claimed again, though both come in one commit",
        file="recording/journal.py",
        line="                is_claimed.update(dict.fromkeys(entry.lines, True))\n",
        instead="                is_claimed = dict.fromkeys(entry.lines, True) | is_claimed\n",
        caught_by="test_journal.py::"
        "test_an_outcome_and_the_claim_of_the_row_that_is_sent_again_may_come_in_one_commit",
    ),
    Broken(
        guarantee="nor does what is said of a line that lost a value take that claim away",
        file="jobs/engine.py",
        line="    for entry in entries:\n        yield entry\n",
        instead="    entries = tuple(entries)\n    yield from entries\n    for entry in entries:\n",
        caught_by="test_sending.py::test_what_a_line_lost_is_said_before_its_next_claim",
    ),
    Broken(
        guarantee="the latest run is one of the folder that the settings file names",
        file="terminal/past.py",
        line="runs_dir = default_state_dir(), _runs_dir(options.config)",
        instead="runs_dir = default_state_dir(), _runs_dir()",
        caught_by="test_past.py::test_latest_is_of_the_folder_that_the_settings_file_names",
    ),
    Broken(
        guarantee="every attempt of a row that did not succeed at once is kept",
        file="sending/retry.py",
        line="                self.before.append(self.last)\n",
        instead="                self.before = [self.last]\n",
        caught_by="test_runner.py::test_a_row_is_tried_five_times_and_then_given_up",
    ),
    Broken(
        guarantee="history.csv says what a kill took",
        file="recording/attempts_file.py",
        line='both = pl.concat([kept.select("line", "number"), ends])',
        instead='both = pl.concat([kept.select("line", "number"), ends.clear()])',
        caught_by="test_attempts_file.py::test_what_a_kill_took_is_said",
    ),
    Broken(
        guarantee="of very many attempts of a row fifty are kept, the last among them",
        file="recording/journal.py",
        line="            if each.number < MOST_ATTEMPTS or each is one.made[-1]\n",
        instead="            if each.number < MOST_ATTEMPTS\n",
        caught_by="test_attempts_file.py::test_of_very_many_attempts_the_others_are_counted",
    ),
    Broken(
        guarantee="what was typed before a question is no answer to it",
        file="terminal/streams.py",
        line="termios.tcflush(sys.stdin, termios.TCIFLUSH)",
        instead="termios.tcflush(sys.stdin, termios.TCOFLUSH)",
        caught_by="test_streams.py::test_what_is_typed_before_a_question_does_not_answer_it",
    ),
    Broken(
        guarantee="what a killed process may have sent is in doubt for ever",
        file="recording/journal.py",
        line="            self._db.execute(sql.DOUBT_CLAIMED)\n",
        instead="",
        caught_by="test_in_doubt.py::test_a_refusal_after_a_kill_hides_no_change",
    ),
    Broken(
        guarantee="of a journal of an older format, all that can still be known is in doubt",
        file="recording/journal_sql.py",
        line="AND attempts > 1\n",
        instead="AND attempts > 9\n",
        caught_by="test_journal.py::"
        "test_a_journal_of_an_older_format_has_in_doubt_what_it_can_still_tell",
    ),
    Broken(
        guarantee="a row whose answer was lost stays in flight where a resume reaches nobody",
        file="sending/retry.py",
        line="        self.last_out = Answer(\n",
        instead="        Answer(\n",
        caught_by="test_in_doubt.py::test_rows_in_flight_stay_so_while_a_resume_reaches_nobody",
    ),
    Broken(
        guarantee="a refusal's message tells of an earlier request that may have been applied",
        file="sending/retry.py",
        line="if self.in_doubt and reason.changes_nothing:",
        instead="if self.in_doubt and not reason.changes_nothing:",
        caught_by="test_in_doubt.py::test_a_refusal_after_a_lost_answer_hides_no_change",
    ),
    Broken(
        guarantee="a row that is left out once its lead has moved on keeps what was sent of it",
        file="jobs/work.py",
        line="                if line in self.tried\n",
        instead="                if line not in self.tried\n",
        caught_by="test_in_doubt.py::test_a_lead_that_moves_on_after_a_kill_stays_known_as_sent",
    ),
    Broken(
        guarantee="an undo takes a lead that may have been changed for changed",
        file="jobs/undo.py",
        line="        lines = pl.concat([applied.lines, in_doubt]).sort()\n",
        instead="        lines = applied.lines\n",
        caught_by="test_in_doubt.py::test_a_refusal_after_a_lost_answer_hides_no_change",
    ),
    Broken(
        guarantee="an undo names the leads that it can't set back",
        file="jobs/undo.py",
        line="({its} {line_list(lines)})",
        instead="({its})",
        caught_by="test_in_doubt.py::"
        "test_leads_that_may_have_been_changed_and_were_not_read_are_named",
    ),
    Broken(
        guarantee="what a run sent counts in the results with its retries",
        file="recording/linked.py",
        line='pl.sum("attempts")',
        instead='pl.last("attempts")',
        caught_by="test_linked.py::test_what_any_run_sent_counts_whatever_its_retries_know",
    ),
    Broken(
        guarantee="how an undo ended says which leads it can't set back",
        file="jobs/outcome.py",
        line="reason = run.incomplete if",
        instead="reason = '' if",
        caught_by="test_use_cases.py::"
        "test_an_undo_that_can_t_be_whole_says_so_in_its_outcome_and_its_record",
    ),
    Broken(
        guarantee="a lead that can't be set back stays an error in every part of the undo",
        file="judging/reverse.py",
        line="pl.concat([sent, alone, unknown.select(sent.columns)])",
        instead="pl.concat([sent, alone])",
        caught_by="test_in_doubt.py::"
        "test_leads_that_may_have_been_changed_and_were_not_read_are_named",
    ),
    Broken(
        guarantee="a lead is expected to be what the server answered, not what was asked",
        file="judging/live.py",
        line='pl.coalesce("answered_status", "status")',
        instead='pl.coalesce("status", "answered_status")',
        caught_by="test_reverse.py::"
        "test_a_lead_that_a_subsequence_moved_is_expected_to_be_what_was_answered",
    ),
    Broken(
        guarantee="verify expects what the server answered",
        file="jobs/verify.py",
        line="yield with_expected_status(frame, self.held.answered)",
        instead="yield with_expected_status(frame, self.held.answered.clear())",
        caught_by="test_moves.py::"
        "test_a_lead_that_the_server_moves_is_what_it_answered_to_all_that_come_later",
    ),
    Broken(
        guarantee="an undo expects what the server answered",
        file="jobs/undo.py",
        line="reverse(requests, before, answered, ",
        instead="reverse(requests, before, answered.clear(), ",
        caught_by="test_moves.py::"
        "test_a_lead_that_the_server_moves_is_what_it_answered_to_all_that_come_later",
    ),
    Broken(
        guarantee="the canary expects what the server answered",
        file="jobs/canary.py",
        line="answered(pl.DataFrame(told, schema=_TOLD,",
        instead="answered(pl.DataFrame([], schema=_TOLD,",
        caught_by="test_moves.py::"
        "test_a_lead_that_the_server_moves_is_what_it_answered_to_all_that_come_later",
    ),
    Broken(
        guarantee="a lead that was left in its subsequence is not called moved",
        file="judging/live.py",
        line=".list.first().is_in(MOVES)",
        instead=".list.first().is_not_null()",
        caught_by="test_moves.py::test_a_lead_that_its_subsequence_has_mailed_was_not_moved",
    ),
    Broken(
        guarantee="a status is not set on a lead that is through",
        file="jobs/work.py",
        line="yield replace(change, status=None, left=",
        instead="yield replace(change, left=",
        caught_by="test_moves.py::test_of_leads_that_are_through_the_tag_alone_is_sent[active]",
    ),
    Broken(
        guarantee="a row whose status was left out is applied in part",
        file="sending/retry.py",
        line="reason = Reason.APPLIED_IN_PART",
        instead="reason = Reason.APPLIED",
        caught_by="test_moves.py::test_of_leads_that_are_through_the_tag_alone_is_sent[paused]",
    ),
    Broken(
        guarantee="a file that is sent night after night sets no lead going again",
        file="judging/diff.py",
        line=".when(known.status_left & TAG_HOLDS)",
        instead=".when(pl.lit(value=False))",
        caught_by="test_moves.py::test_the_same_file_night_after_night_sets_no_lead_going_again",
    ),
    Broken(
        guarantee="only a lead that was read lately counts as through",
        file="judging/diff.py",
        line='is_read = pl.col("read_at_ms") >= self.through_since_ms',
        instead="is_read = pl.lit(value=True)",
        caught_by="test_diff.py::test_a_status_is_left_out_only_where_the_lead_was_read_lately[1001-asked0]",
    ),
    Broken(
        guarantee="a resumed run leaves out the status of leads that were through",
        file="jobs/work.py",
        line="through = None if was is None else _through(was, preview)",
        instead="through = None",
        caught_by="test_moves.py::test_a_run_that_broke_off_leaves_the_status_out_when_it_is_gone_on_with",
    ),
    Broken(
        guarantee="a run of before there were final states sends every status",
        file="jobs/recorded.py",
        line='"final_states": FinalStates.SEND.value',
        instead='"final_states": FinalStates.LEAVE.value',
        caught_by="test_moves.py::test_a_run_of_before_there_was_the_setting_goes_on_as_it_was_begun",
    ),
    Broken(
        guarantee="a lead that a lost change has completed is not called changed",
        file="judging/preview.py",
        line="may_be_ours = ASKS_TAG",
        instead="may_be_ours = pl.lit(value=False)",
        caught_by="test_moves.py::test_a_lead_that_a_lost_change_of_an_undo_has_completed_is_set_back",
    ),
    Broken(
        guarantee="an undo knows which statuses were never sent",
        file="jobs/undo.py",
        line="answered = pl.concat([answered, left])",
        instead="pass",
        caught_by="test_moves.py::test_an_undo_knows_which_status_a_lost_change_has_left_out",
    ),
    Broken(
        guarantee="an undo sets leads going again that the run has completed",
        file="jobs/undo.py",
        line='"final_states": FinalStates.SEND',
        instead='"final_states": FinalStates.LEAVE',
        caught_by="test_moves.py::test_a_lead_that_the_server_moves_is_what_it_answered_to_all_that_come_later",
    ),
    Broken(
        guarantee="webhooks that can't be read are not missed",
        file="jobs/paging.py",
        line="for each in page.records if each) if page else (),",
        instead="for each in page.records if each),",
        caught_by="test_moves.py::test_webhooks_that_cant_be_read_are_not_missed[status=404]",
    ),
    Broken(
        guarantee="a command that finds no quota left says from when to run it again",
        file="terminal/endings.py",
        line="    if go_on_at:\n",
        instead="    if go_on_at and declined:\n",
        caught_by="test_quota_of_a_day.py::"
        "test_what_does_not_fit_is_unsent_and_resume_goes_on_the_next_day",
    ),
    Broken(
        guarantee="a refusal without a terminal names the remembered mapping that would fit",
        file="jobs/remembered.py",
        line="return replace(options, unused=columns_for)",
        instead="return options",
        caught_by="test_remembered.py::"
        "test_a_remembered_mapping_is_never_used_without_a_terminal_unless_asked_for",
    ),
    Broken(
        guarantee="a yes to a plan remembers its mapping",
        file="jobs/remembered.py",
        line="mapped = frozenset(named)",
        instead="pass",
        caught_by="test_remembered.py::test_a_yes_to_a_plan_is_remembered",
    ),
    Broken(
        guarantee="a number that is no column's is told with the columns that there are",
        file="reading/header.py",
        line="    if number:\n",
        instead="    if number and not header:\n",
        caught_by="test_proposals.py::test_a_number_names_its_column_whatever_others_are_called",
    ),
    Broken(
        guarantee="webhooks that take long are not waited for",
        file="jobs/paging.py",
        line="anyio.move_on_after(_FIRST_PAGE_S)",
        instead="anyio.move_on_after(40)",
        caught_by="test_paging.py::test_webhooks_that_take_long_are_not_waited_for",
    ),
    Broken(
        guarantee="of more webhooks than one page only the least is said",
        file="jobs/paging.py",
        line="has_more=page is not None and _tells_of_more(page)",
        instead="has_more=page is None or not _tells_of_more(page)",
        caught_by="test_paging.py::test_webhooks_of_a_first_page_are_the_least",
    ),
    Broken(
        guarantee="of a webhook's address only the host is told",
        file="api/lists.py",
        line='host = urlsplit(one.url).hostname or ""',
        instead="host = one.url",
        caught_by="test_moves.py::test_the_question_names_who_hears_of_changed_tags",
    ),
    Broken(
        guarantee="only active webhooks that hear of changed tags are named",
        file="api/lists.py",
        line='if one.status.casefold() != "active" or TAG_CHANGED not in one.events:',
        instead="if TAG_CHANGED not in one.events:",
        caught_by="test_lists.py::test_a_webhook_counts_if_it_is_active_and_hears_of_changed_tags",
    ),
    Broken(
        guarantee="a lead that several rows move together is counted once",
        file="recording/journal.py",
        line="if line not in carried)",
        instead=")",
        caught_by="test_moves.py::test_moves_are_counted_by_lead_and_subsequence",
    ),
    Broken(
        guarantee="moves stay in run.json",
        file="jobs/run_record.py",
        line='"moves": tuple(RunMove(**asdict(move)) for move in outcome.moves),',
        instead='"moves": (),',
        caught_by="test_moves.py::test_moves_are_counted_by_lead_and_subsequence",
    ),
    # --- A run that is gone on with ---
    Broken(
        guarantee="a damaged copy of the input is refused at a resume",
        file="jobs/recorded.py",
        line="if sha256 != recorded.sha256:",
        instead="if not path.exists():",
        caught_by="test_promises.py::test_resume_refuses_a_copy_that_was_changed",
    ),
    Broken(
        guarantee="a resumed run has the settings of its beginning, not the environment's",
        file="jobs/recorded.py",
        line='recorded_settings(record, where=str(folder / "run.json"))',
        instead='__import__("batch.settings.load").settings.load.load_settings(\n'
        '            None, {}, __import__("os").environ, folder, None\n        ).settings',
        caught_by="test_promises.py::test_resume_heeds_no_environment_but_the_key",
    ),
    Broken(
        guarantee="a resume with the key of another workspace is refused",
        file="jobs/reopening.py",
        line="or before.id == now.id:",
        instead="or before.id != now.id:",
        caught_by="test_promises.py::test_resume_refuses_the_key_of_another_workspace",
    ),
    Broken(
        guarantee="a run reads its own copy, whatever becomes of the original",
        file="jobs/opening.py",
        line="open_table(copy.path, options",
        instead="open_table(request.source.path or copy.path, options",
        caught_by="test_promises.py::"
        "test_a_run_reads_its_own_copy_whatever_becomes_of_the_original",
    ),
    Broken(
        guarantee="requests on their way when the job breaks off are recorded",
        file="sending/attempts.py",
        line="            if tries.attempts:\n                why",
        instead="            if not tries.attempts:\n                why",
        caught_by="test_runner.py::"
        "test_when_the_job_breaks_off_requests_on_their_way_are_recorded_as_in_flight",
    ),
    Broken(
        guarantee="at most twice as many rows as workers are sent and not yet durable",
        file="sending/runner.py",
        line="UNDURABLE_PER_WORKER = 2",
        instead="UNDURABLE_PER_WORKER = 3",
        caught_by="test_runner.py::"
        "test_at_most_twice_as_many_rows_as_workers_are_sent_and_not_yet_durable",
    ),
    # --- Earlier runs, and other processes ---
    Broken(
        guarantee="two processes can't send the same input to the same address at once",
        file="jobs/opening.py",
        line="        locks.enter_context("
        "lock_input(state_dir, sha256=held, base_url=access.base_url, run=run))\n",
        instead="",
        caught_by="test_going_on.py::test_a_second_process_is_told_of_the_first_and_a_killed_one_does_not_block",
    ),
    Broken(
        guarantee="the lock of a process that is gone does not block",
        file="recording/locks.py",
        line="    if not _acquired(lock):\n        holder = _read_holder(lock)",
        instead="    if _holder_path(lock).exists() or not _acquired(lock):\n"
        "        holder = _read_holder(lock)",
        caught_by="test_locks.py::test_the_lock_of_a_process_that_was_killed_does_not_block",
    ),
    Broken(
        guarantee="a second run with the same key is told that both share its budget",
        file="recording/locks.py",
        line="                others.append((lock, _read_holder(lock)))",
        instead="                pass",
        caught_by="test_locks.py::test_a_second_run_with_the_same_key_is_told_of_the_first",
    ),
    Broken(
        guarantee="runs at other addresses share no budget",
        file="recording/locks.py",
        line='used = f"{key.get_secret_value()} {base_url.lower()}"',
        instead="used = key.get_secret_value()",
        caught_by="test_locks.py::test_a_second_run_with_the_same_key_is_told_of_the_first",
    ),
    Broken(
        guarantee="that a key is shared is shown only while it is true",
        file="web/board.py",
        line="and not note.holds()",
        instead="and False",
        caught_by="test_web_runs.py::test_that_a_key_is_shared_is_shown_while_it_is_true",
    ),
    Broken(
        guarantee="run goes on only with a run of the same content",
        file="jobs/unfinished.py",
        line=" or record.input.sha256 != sha256:",
        instead=":",
        caught_by="test_unfinished.py::test_a_run_of_other_rows_is_none[sha256]",
    ),
    Broken(
        guarantee="run goes on only with a run of the same workspace",
        file="jobs/unfinished.py",
        line="is_same = bool(before) and before == workspace_id",
        instead="is_same = bool(before)",
        caught_by="test_unfinished.py::test_a_run_that_did_something_else_is_none[workspace0]",
    ),
    Broken(
        guarantee="a retry sends only what was error or unsent",
        file="jobs/retry.py",
        line="lines.filter(~lines.is_in(journal.done_lines().implode()))",
        instead="lines",
        caught_by="test_retrying.py::test_a_retry_is_a_run_about_the_rows_without_success",
    ),
    Broken(
        guarantee="what a retry never reached keeps the outcome that it had",
        file="recording/linked.py",
        line=".sort(~_NOT_REACHED, _AT, maintain_order=True)",
        instead=".sort(_AT, maintain_order=True)",
        caught_by="test_linked.py::test_a_retry_that_never_reached_a_line_says_nothing_of_it",
    ),
    # --- Whose runs they are ---
    Broken(
        guarantee="a run whose record says another target than the user's list is none",
        file="recording/run_list.py",
        line="(entry.base_url, entry.workspace_id) != (said.base_url, said.workspace_id)",
        instead="entry.workspace_id != said.workspace_id",
        caught_by="test_run_list.py::"
        "test_a_record_that_says_another_target_than_the_list_is_none[in its place-address]",
    ),
    Broken(
        guarantee="a moved run is still held to the list's address",
        file="recording/run_list.py",
        line="    if entry is None and said.id and is_own(said.folder):\n        entry = next(",
        instead="    if entry is None and said.id and is_own(said.folder):\n        return next(",
        caught_by="test_run_list.py::"
        "test_a_record_that_says_another_target_than_the_list_is_none[moved-address]",
    ),
    Broken(
        guarantee="a copy of a run that is still in its place is not the user's run",
        file="recording/run_list.py",
        line="(each for each in same if not _is_in_its_place(each))",
        instead="iter(same)",
        caught_by="test_run_list.py::test_a_copy_of_a_run_that_is_in_its_place_is_not_listed",
    ),
    Broken(
        guarantee="a list of runs that others may write does not count",
        file="recording/run_list.py",
        line='(read_own(state_dir / LIST_NAME) or b"")',
        instead='b"".join(each.read_bytes() for each in state_dir.glob(LIST_NAME))',
        caught_by="test_run_list.py::"
        "test_a_list_that_others_may_write_does_not_count_and_is_not_added_to",
    ),
    Broken(
        guarantee="a line of the older list is not completed by what others may have written",
        file="recording/run_list.py",
        line='is_own(folder) and is_own(folder / "run.json")',
        instead="folder.exists()",
        caught_by="test_run_list.py::"
        "test_lines_of_before_are_not_completed_by_what_others_may_have_written",
    ),
    Broken(
        guarantee="the state folder's secret counts only where nobody else may have written it",
        file="recording/state.py",
        line="            check_own(path)\n",
        instead="",
        caught_by="test_state.py::test_a_secret_that_others_may_write_is_refused[0o620]",
    ),
    Broken(
        guarantee="the name of a lock tells nothing of its key without the state folder's secret",
        file="recording/locks.py",
        line="keyed_hash(state_dir, used)[:32]",
        instead="hashlib.sha256(used.encode()).hexdigest()[:32]",
        caught_by="test_locks.py::test_the_name_of_a_keys_lock_is_another_in_each_state_folder",
    ),
    # --- Where the key may go ---
    Broken(
        guarantee="an address that only the folder's settings file names is asked about",
        file="jobs/gate.py",
        line="return not origin.is_untrusted or address",
        instead="return True or address",
        caught_by="test_gate.py::"
        "test_an_address_of_the_folders_file_gets_no_request_where_nobody_can_be_asked[run]",
    ),
    Broken(
        guarantee="a run that is not in the user's own list may be anybody's",
        file="jobs/past_run.py",
        line="origin = Origin.LISTED_RUN if is_listed else Origin.UNLISTED_RUN",
        instead="origin = Origin.LISTED_RUN",
        caught_by="test_gate.py::"
        "test_an_address_of_a_strangers_run_gets_no_request_where_nobody_can_be_asked[resume]",
    ),
    Broken(
        guarantee="an address that is given with a run never redirects it",
        file="jobs/past_run.py",
        line="if address_of(named) != address_of(record.base_url):",
        instead="if False:",
        caught_by="test_gate.py::"
        "test_an_address_that_is_given_with_a_run_never_redirects_it[option-resume]",
    ),
    Broken(
        guarantee="key and address are joined in one place",
        file="jobs/opening.py",
        line="    yield request.session.access\n",
        instead="    found = request.session.access\n"
        "    yield Access(base_url=found.base_url, api_key=found.api_key)\n",
        caught_by="test_gate.py::test_nothing_but_the_gate_makes_an_access",
    ),
    Broken(
        guarantee="what a strange file says of what is sent counts only after a yes",
        file="jobs/gate.py",
        line="values = () if _is_confirmed_run(loaded) else _guarded(loaded)",
        instead="values: tuple[Difference, ...] = ()",
        caught_by="test_gate.py::test_what_decides_what_is_sent_needs_the_same_yes[clear_word]",
    ),
    Broken(
        guarantee="the folder's settings file lifts no guardrail by itself",
        file="settings/origins.py",
        line="return own > 0 and (limit == 0 or limit > own)",
        instead="return limit > own",
        caught_by="test_gate.py::test_a_guardrail_of_the_user_is_not_lifted_by_an_empty_file",
    ),
    Broken(
        guarantee="the folder's settings file puts runs below that folder",
        file="settings/load.py",
        line="    _check_runs_dir(settings, values.get(RUNS_DIR), cwd)\n",
        instead="",
        caught_by="test_gate.py::test_the_folders_file_puts_runs_below_the_folder[../outside]",
    ),
    Broken(
        guarantee="a key file that the folder's settings file names is not read",
        file="settings/load.py",
        line='        refused = named.where if str(named.value).strip() else ""\n'
        "        del values[KEY_FILE]\n",
        instead='        refused = ""\n',
        caught_by="test_gate.py::test_a_key_file_that_the_folders_file_names_is_refused",
    ),
    Broken(
        guarantee="run.json says nothing of a key file",
        file="settings/model.py",
        line='hidden: dict[str, Any] = {"api": {"api_key_file", "key_from"}}',
        instead='hidden: dict[str, Any] = {"api": {"key_from"}}',
        caught_by="test_gate.py::test_a_run_of_before_with_a_key_file_is_gone_on_with",
    ),
    Broken(
        guarantee="an approval is for one key",
        file="recording/approvals.py",
        line="key.get_secret_value(), ",
        instead="",
        caught_by="test_gate.py::test_a_yes_is_kept_for_this_key_and_this_address",
    ),
    Broken(
        guarantee="an approval is for one address",
        file="recording/approvals.py",
        line="str(address), *also",
        instead="*also",
        caught_by="test_gate.py::test_a_yes_is_kept_for_this_key_and_this_address",
    ),
    Broken(
        guarantee="approvals that others may write approve nothing",
        file="recording/approvals.py",
        line='(read_own(path) or b"")',
        instead='(b"".join(each.read_bytes() for each in path.parent.glob(path.name)))',
        caught_by="test_gate.py::"
        "test_approvals_count_only_as_this_user_gave_them[others may write it]",
    ),
    Broken(
        guarantee="an approval can be withdrawn",
        file="recording/approvals.py",
        line="_write(path, [each for each in kept if each not in gone])",
        instead="_write(path, kept)",
        caught_by="test_gate.py::test_approvals_are_listed_and_withdrawn",
    ),
    Broken(
        guarantee="another address on the page forgets every key",
        file="web/session.py",
        line='typed = replace(before, key=None, key_for="", is_forgotten=True, key_told="")',
        instead="typed = before",
        caught_by="test_web_gate.py::test_another_address_forgets_a_typed_key_too",
    ),
    Broken(
        guarantee="a run that was begun on the page approves its address for no other key",
        file="jobs/gate.py",
        line="return not is_for_another_key(state_dir, key=key, address=address)",
        instead="return True",
        caught_by="test_web_gate.py::test_a_run_that_the_page_began_carries_no_other_key_off",
    ),
    Broken(
        guarantee="a key that is typed on the page goes to the address that stood beside it",
        file="web/session.py",
        line="if not self._is_here(address):",
        instead="if False:",
        caught_by="test_web_gate.py::"
        f"test_a_key_is_taken_for_the_address_that_stood_beside_it_alone[{_EVIL}]",
    ),
    Broken(
        guarantee="the test of a key sends it to no address that the gate has not let it to",
        file="web/session.py",
        line="            access, _ = self._open_gate(typed, loaded, credentials)\n",
        instead="            one = credentials_of(loaded, typed, self.place.environ).api_key\n"
        "            access = Access(base_url=loaded.settings.api.base_url, api_key=one)\n",
        caught_by="test_web_gate.py::test_the_test_of_a_key_goes_through_the_gate",
    ),
    Broken(
        guarantee="a key that the server refuses is not kept",
        file="web/session.py",
        line="        except (KeyRefusedError, SettingsError, DeclinedError):\n            raise\n",
        instead="",
        caught_by="test_web_settings.py::"
        "test_a_refused_key_is_not_kept_and_its_field_still_there[/check]",
    ),
    Broken(
        guarantee="the page writes no setting that lifts a guardrail or leads a key elsewhere",
        file="settings/save.py",
        line="    if others := [key for _, key in values.keys() - set(SAVED)]:\n",
        instead="    if others := list[str]():\n",
        caught_by="test_save.py::test_nothing_else_is_ever_written[run.max_errors]",
    ),
    Broken(
        guarantee="what is saved leaves the comments of a settings file",
        file="settings/save.py",
        line="edited = tomlkit.dumps(document)\n",
        instead="edited = tomlkit.dumps(document.unwrap())\n",
        caught_by="test_save.py::test_every_comment_of_the_example_stays",
    ),
    Broken(
        guarantee="an option of the page is asked of the run",
        file="web/desk.py",
        line="            guardrails=guardrails_of(options),\n            options=options,\n",
        instead="            options=options,\n",
        caught_by="test_web_options.py::test_options_hold_for_the_run_and_for_this_file_alone",
    ),
    Broken(
        guarantee="a wrong option begins no job on the page",
        file="web/work_routes.py",
        line="    if problems := desk.problems_of(options):\n        return check_page",
        instead="    if problems := dict[str, str]():\n        return check_page",
        caught_by="test_web_options.py::"
        "test_a_wrong_option_is_told_at_its_field_and_what_was_typed_stays[canary-/run]",
    ),
    Broken(
        guarantee="no option of run is forgotten on the page",
        file="web/options.py",
        line='"keep_before", "skip_unchanged",',
        instead='"keep_before",',
        caught_by="test_web_options.py::test_each_option_is_offered_or_left_out_for_a_reason[run]",
    ),
    Broken(
        guarantee="an entry of the keyring is for one address and used for no other",
        file="settings/system_keyring.py",
        line="    return str(address_of(base_url))\n",
        instead='    return "key"\n',
        caught_by=f"test_system_keyring.py::test_a_key_is_for_its_address_alone[{_EVIL}]",
    ),
    Broken(
        guarantee="a keyring that keeps nothing, or keys in the open, is refused",
        file="settings/system_keyring.py",
        line="        if type(backend).__module__ in _OF_SYSTEMS:\n",
        instead="        if backend:\n",
        caught_by="test_system_keyring.py::"
        "test_what_is_no_systems_keyring_is_refused_by_its_name[keyring.backends.null-Keyring]",
    ),
    Broken(
        guarantee="nobody is asked to unlock the keyring",
        file="settings/system_keyring.py",
        line="    if is_locked:\n",
        instead="    if not SERVICE:\n",
        caught_by="test_system_keyring.py::"
        "test_a_locked_keyring_is_told_and_nobody_is_asked_to_unlock_it",
    ),
    Broken(
        guarantee="nobody is asked to make a keyring",
        file="settings/system_keyring.py",
        line="    except secretstorage.exceptions.ItemNotFoundException as error:\n",
        instead="    except secretstorage.exceptions.ItemNotFoundException as error:\n"
        "        return False\n",
        caught_by="test_system_keyring.py::test_nobody_is_asked_to_make_a_keyring",
    ),
    Broken(
        guarantee="a keyring whose lock can't be looked at is refused",
        file="settings/system_keyring.py",
        line='    "keyring.backends.macOS": "the Keychain",\n',
        instead='    "keyring.backends.libsecret": "the Secret Service",\n'
        '    "keyring.backends.macOS": "the Keychain",\n',
        caught_by="test_system_keyring.py::test_what_is_no_systems_keyring_is_refused_by_its_name"
        "[keyring.backends.libsecret-Keyring]",
    ),
    Broken(
        guarantee="the workspace that is typed counts for a key of the keyring, too",
        file="web/session.py",
        line="workspace_id=workspace_id, is_of_keyring=True)",
        instead="is_of_keyring=True)",
        caught_by="test_web_settings.py::"
        "test_a_platform_key_of_the_keyring_takes_the_workspace_beside_it",
    ),
    Broken(
        guarantee="a field that comes back as it was shown changes no setting",
        file="web/settings_routes.py",
        line="if value != shown[name].strip():",
        instead="if value:",
        caught_by="test_web_settings.py::"
        "test_saving_the_colours_leaves_all_other_lines[its own file]",
    ),
    Broken(
        guarantee="what one start of the page is told is not saved for later ones",
        file="settings/save.py",
        line="if loaded.origin((section, name)) is Origin.PAGE and value",
        instead="if value",
        caught_by="test_web_settings.py::"
        "test_saving_the_colours_leaves_all_other_lines[values for this start]",
    ),
    Broken(
        guarantee="commands read the keyring only where the settings say so",
        file="settings/credentials.py",
        line="    if settings.api.key_from == KEYRING:\n",
        instead="    if KEYRING:\n",
        caught_by="test_system_keyring.py::test_the_keyring_is_read_only_where_the_settings_say_so",
    ),
    Broken(
        guarantee="a folder's settings file does not say where the key is",
        file="settings/load.py",
        line="        del values[KEY_FROM]\n",
        instead="        pass\n",
        caught_by="test_gate.py::test_a_key_of_the_keyring_goes_to_its_address_alone",
    ),
    Broken(
        guarantee="what is mended on the page is what is sent",
        file="reading/table.py",
        line="            if to_mend and wanted.height:\n",
        instead="            if to_mend and not wanted.height:\n",
        caught_by="test_web_mending.py::test_a_mended_cell_is_judged_sent_and_told",
    ),
    Broken(
        guarantee="a mend changes no cell but its own",
        file="reading/mended.py",
        line='pl.coalesce("now", cell).alias(cell)',
        instead='pl.coalesce("now", cell).alias("0")',
        caught_by="test_mended.py::test_mends_change_their_cells_and_no_other",
    ),
    Broken(
        guarantee="a mend is laid over no cell but the one that it was made for",
        file="reading/mended.py",
        line='frame.filter(read != pl.col("was"))',
        instead="frame.filter(read.is_null())",
        caught_by="test_mended.py::test_a_mend_is_of_no_cell_but_the_one_it_was_made_for",
    ),
    Broken(
        guarantee="a mend of a row that is not there is refused",
        file="reading/table.py",
        line="        if to_mend and self._has_all_rows:\n",
        instead="        if not to_mend and self._has_all_rows:\n",
        caught_by="test_mended.py::test_a_mend_is_of_no_cell_but_the_one_it_was_made_for",
    ),
    Broken(
        guarantee="a workspace's rows are sent although a mended cell is another one's",
        file="reading/table.py",
        line="        part._has_all_rows = False",
        instead="        part._has_all_rows = self._has_all_rows",
        caught_by="test_several.py::test_cells_that_were_mended_on_the_page_go_to_their_workspaces",
    ),
    Broken(
        guarantee="mends go with the cells that they were made for, whatever is read otherwise",
        file="web/tray.py",
        line="if now.is_cell_of(before, each.column))",
        instead="if now.fields)",
        caught_by="test_web_mending.py::test_no_mend_is_laid_over_a_cell_that_it_was_not_made_for",
    ),
    Broken(
        guarantee="another sheet has other cells, though the columns stand where they stood",
        file="web/checked.py",
        line="self.place == other.place and ",
        instead="",
        caught_by="test_web_mending.py::test_no_mend_is_laid_over_a_cell_that_it_was_not_made_for",
    ),
    Broken(
        guarantee="mends that nothing was read with are held to their cells once it is",
        file="web/tray.py",
        line="(before.checked is None or changes.keys()",
        instead="(changes.keys()",
        caught_by="test_web_mending.py::test_mends_outlast_a_choice_by_which_nothing_can_be_read",
    ),
    Broken(
        guarantee="a form that shows other cells than are at hand mends nothing",
        file="web/file_routes.py",
        line='    if form.get("version") != file.version(line):\n',
        instead='    if not form.get("version"):\n',
        caught_by="test_web_mending.py::test_a_form_of_before_mends_nothing",
    ),
    Broken(
        guarantee="a cell that nobody has touched is no mend",
        file="web/mending.py",
        line="if text != as_shown(now[column])",
        instead="if text != now[column]",
        caught_by="test_web_mending.py::test_only_what_somebody_has_typed_is_mended",
    ),
    Broken(
        guarantee="what is judged anew while it is sent is shown",
        file="web/tray.py",
        line="            if options != self.file.options:\n",
        instead="            if self.file:\n",
        caught_by="test_web_mending.py::test_what_is_judged_anew_while_it_is_sent_stays_in_sight",
    ),
    Broken(
        guarantee="the file that is shown keeps its rows when another judging came too late",
        file="web/tray.py",
        line="        _remove_judged(unused)\n",
        instead="        _remove_judged(before)\n",
        caught_by="test_web_mending.py::test_what_is_judged_anew_while_it_is_sent_stays_in_sight",
    ),
    Broken(
        guarantee="whoever reloads the page after tidying up removes nothing more",
        file="web/run_list.py",
        line='    return lead_to(request, f"/runs?removed={gone}")\n',
        instead='    return lead_to(request, "/runs/prune")\n',
        caught_by="test_web_runs.py::test_pruning_asks_and_removes_what_it_has_shown_of_ones_own",
    ),
    Broken(
        guarantee="a key that may not go to an address is no key that could not be tested",
        file="web/session.py",
        line="        except (KeyRefusedError, SettingsError, DeclinedError):\n",
        instead="        except (KeyRefusedError, SettingsError):\n",
        caught_by="test_web_gate.py::test_the_test_of_a_key_goes_through_the_gate",
    ),
    Broken(
        guarantee="every attempt of a run can be had on the page",
        file="jobs/results.py",
        line="        return write_history(journals, folder).path\n",
        instead='        return folder / "results.csv"\n',
        caught_by="test_web_runs.py::test_every_attempt_is_written_as_it_is_asked_for",
    ),
    Broken(
        guarantee="a report of practice does not say that tags were checked",
        file="reporting/run_facts.py",
        line="    if record.sandbox:  # a slip",
        instead="    if not record.settings:  # a slip",
        caught_by="test_reporting.py::test_what_is_said_of_tags_that_were_checked",
    ),
    Broken(
        guarantee="a plan shows a cleared tag in the words of results, whatever the clear word is",
        file="web/shown_rows.py",
        line="value == clear_word else value\n",
        instead="value == _NULL else value\n",
        caught_by="test_web_rows.py::test_a_tag_that_is_cleared_reads_no_tag",
    ),
    Broken(
        guarantee="a row of a failed.csv whose ids were looked up can be mended on the page",
        file="web/checked.py",
        line="in self.fields.items() if at < len(self.header)}",
        instead="in self.fields.items()}",
        caught_by="test_web_mending.py::"
        "test_a_row_whose_ids_were_looked_up_is_mended_by_its_address",
    ),
    Broken(
        guarantee="a report says when the workspace's labels could not be read",
        file="jobs/run_record.py",
        line="        labels_failed=run.labels_failed,\n",
        instead="        labels_failed=not run,\n",
        caught_by="test_commands.py::test_notes_about_the_key_and_the_server_are_told",
    ),
    Broken(
        guarantee="a plan leads to its own file's rows to be mended, and to no other's",
        file="web/run_routes.py",
        line="if is_fresh and desk.tray.was_sent_last else",
        instead="if is_fresh else",
        caught_by="test_web_mending.py::test_what_only_the_plan_finds_wrong_is_mended_from_there",
    ),
    Broken(
        guarantee="a page that is being read keeps its rows while a mend is judged",
        file="web/tray.py",
        line="unused, self.file, self._before = self._before, file, before",
        instead="unused, self.file = before, file",
        caught_by="test_web_mending.py::test_a_page_keeps_its_rows_until_the_next_one_is_there",
    ),
    Broken(
        guarantee="a run is gone on with only for rows that were mended alike",
        file="jobs/unfinished.py",
        line="    if record.input.mends_sha256 != mends_sha256(request.mended):\n",
        instead="    if record.input.mends_sha256 == mends_sha256:\n",
        caught_by="test_web_mending.py::"
        "test_a_broken_off_run_is_of_the_same_rows_only_if_they_were_mended_alike",
    ),
    Broken(
        guarantee="mended cells that were changed since the run began are refused",
        file="jobs/recorded.py",
        line="        if sha256(content).hexdigest() != record.input.mends_sha256:\n",
        instead="        if not sha256(content).hexdigest():\n",
        caught_by="test_web_mending.py::"
        "test_mends_of_somebody_elses_run_must_be_what_its_plan_sends",
    ),
    Broken(
        guarantee="a retry sends rows as they were mended",
        file="jobs/retry.py",
        line="        write_mends(made, request)\n",
        instead="",
        caught_by="test_web_mending.py::"
        "test_a_run_with_mends_is_gone_on_with_and_tried_again_as_mended",
    ),
    Broken(
        guarantee="results tell of a mended row what it was",
        file="recording/result_rows.py",
        line="    if mended is not None:\n",
        instead="    if mended is not None and not columns:\n",
        caught_by="test_web_mending.py::test_a_mended_cell_is_judged_sent_and_told",
    ),
    Broken(
        guarantee="the page has no yes for an address",
        file="web/session.py",
        line="ask=None, remedy=remedy",
        instead="ask=lambda _: True, remedy=remedy",
        caught_by="test_web_gate.py::test_a_folders_file_is_not_believed",
    ),
    Broken(
        guarantee="run goes on by itself with no run that merely lies in the folder of runs",
        file="jobs/unfinished.py",
        line="    runs = known_runs(request.session.state_dir, Path(request.settings.run.runs_dir))"
        ".own\n",
        instead="    known = known_runs(request.session.state_dir, "
        "Path(request.settings.run.runs_dir))\n"
        "    runs = [*known.own, *known.others]\n",
        caught_by="test_whose_runs.py::"
        "test_a_planted_run_that_says_that_all_is_done_silences_no_job",
    ),
    Broken(
        guarantee="a run whose record says another address than the list is not the user's",
        file="recording/history.py",
        line="    except InputError:\n        is_own = False\n",
        instead="    except InputError:\n        is_own = True\n",
        caught_by="test_history.py::test_what_merely_lies_in_the_folder_of_runs_is_of_others",
    ),
    Broken(
        guarantee="a run that only --out names is gone on with if it is known to be the key's",
        file="jobs/run.py",
        line="check_workspace if there.is_own else check_known_workspace",
        instead="check_workspace",
        caught_by="test_whose_runs.py::"
        "test_a_run_that_out_names_must_be_what_is_asked_for_now[unknown workspace]",
    ),
    Broken(
        guarantee="who goes on with a run of which no row is left hears that nothing was sent",
        file="jobs/resume.py",
        line="        if not ready.work.requests:",
        instead="        if ready.work.requests < 0:",
        caught_by="test_whose_runs.py::"
        "test_who_names_a_run_whose_rows_are_all_done_is_told_that_nothing_was_sent",
    ),
    Broken(
        guarantee="results of a newer version are not taken for a file of the user's own",
        file="reading/layout.py",
        line="        if not was_accepted:\n",
        instead="        if name is None:\n",
        caught_by="test_table.py::"
        "test_results_of_a_newer_version_are_refused_unless_an_earlier_run_has_read_them",
    ),
    Broken(
        guarantee="an input that an earlier run took for the user's own still is",
        file="jobs/request.py",
        line="            was_accepted=self.is_recorded,\n",
        instead="",
        caught_by="test_formats.py::"
        "test_a_run_whose_input_an_earlier_version_took_for_the_users_own_is_gone_on_with",
    ),
    Broken(
        guarantee="a run of one's own that a newer version has gone on with is not passed over",
        file="recording/history.py",
        line="            elif is_own or whole in listed_folders:\n",
        instead="            elif is_own and whole in listed_folders:\n",
        caught_by="test_formats.py::"
        "test_runs_names_a_run_of_a_newer_version_and_prune_leaves_it[format alone]",
    ),
    Broken(
        guarantee="a run with a journal of a newer version is not gone on with by itself",
        file="recording/history.py",
        line="            _refuse_newer_journal(run)\n",
        instead="            pass\n",
        caught_by="test_formats.py::"
        "test_a_job_names_a_run_of_a_newer_version_that_it_may_repeat[journal]",
    ),
    Broken(
        guarantee="only the user's own runs are retries of the user's own",
        file="jobs/unfinished.py",
        line="    retries = retries_of(record, own_runs(state_dir, folder.resolve().parent))\n",
        instead="    from batch.recording.history import known_runs\n"
        "    known = known_runs(state_dir, folder.resolve().parent)\n"
        "    retries = retries_of(record, [*known.own, *known.others])\n",
        caught_by="test_linking.py::test_a_planted_retry_is_none_of_a_run_of_ones_own",
    ),
    Broken(
        guarantee="a name alone is that of one of the user's own runs",
        file="jobs/runs.py",
        line="    mine = [run.folder for run in known.own] + ",
        instead="    mine = [run.folder for run in (*known.own, *known.others)] + ",
        caught_by="test_runs.py::test_a_name_alone_is_that_of_a_run_in_the_list",
    ),
    Broken(
        guarantee="only the user's own runs are pruned",
        file="jobs/runs.py",
        line="for run in known.own],",
        instead="for run in (*known.own, *known.others)],",
        caught_by="test_past.py::test_prune_names_runs_of_others_and_leaves_them",
    ),
    Broken(
        guarantee="a run's record names no file outside its folder",
        file="recording/runfile.py",
        line="if not (_COPY.fullmatch(name) and name.isprintable()):",
        instead="if not name:",
        caught_by="test_runfile.py::"
        "test_what_is_not_as_this_program_writes_it_is_no_record"
        "[{'input.copy_name': '../precious.csv'}]",
    ),
    Broken(
        guarantee="a record with two addresses is none",
        file="recording/runfile.py",
        line='if among_settings != said.get("base_url") and',
        instead='if among_settings != said.get("base_url") and False and',
        caught_by="test_runfile.py::"
        "test_what_is_not_as_this_program_writes_it_is_no_record"
        "[{'settings.api': {'base_url': 'https://elsewhere.example'}}]",
    ),
    Broken(
        guarantee="pruning follows no link to another folder",
        file="recording/folder.py",
        line="os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW",
        instead="os.O_RDONLY | os.O_DIRECTORY",
        caught_by="test_runs.py::test_a_folder_that_became_a_link_is_not_followed[descriptor]",
    ),
    Broken(
        guarantee="pruning takes no other run away that is in the folder by now",
        file="recording/folder.py",
        line='    _check_same(read_record(Path("run.json"), dir_fd=descriptor), record)\n',
        instead="",
        caught_by="test_runs.py::"
        "test_a_folder_that_another_run_has_taken_is_left_as_it_is[descriptor]",
    ),
    Broken(
        guarantee="one run that can't be pruned blocks no other",
        file="terminal/past.py",
        line="                failed += 1\n",
        instead="                failed += 1\n                break\n",
        caught_by="test_past.py::test_a_run_that_cant_be_removed_blocks_no_other",
    ),
    Broken(
        guarantee="what is added to in a run's folder is opened through no link",
        file="recording/plain_file.py",
        line='getattr(os, "O_NOFOLLOW", 0) | ',
        instead="",
        caught_by="test_plain_file.py::test_a_timeline_is_not_written_through_a_link[link]",
    ),
    Broken(
        guarantee="the page's ids are those of the user's own runs",
        file="web/desk.py",
        line="        for run in own_runs(self.place.state_dir, self.runs_dir):\n",
        instead="        from batch.recording.history import known_runs\n"
        "        known = known_runs(self.place.state_dir, self.runs_dir)\n"
        "        for run in (*known.own, *known.others):\n",
        caught_by="test_web_gate.py::test_a_run_that_is_not_ones_own_is_told_by_its_path_alone",
    ),
    Broken(
        guarantee="no file of a run is read through a link",
        file="jobs/recorded.py",
        line="        _check_plain(folder / name)\n",
        instead="        str(folder / name)\n",
        caught_by="test_whose_runs.py::test_no_file_of_a_run_leads_elsewhere[link-input.csv]",
    ),
    Broken(
        guarantee="results of a run that can't be written are made elsewhere, its folder as it was",
        file="jobs/results.py",
        line="        if into is None and outcome.state",
        instead="        if outcome.state",
        caught_by="test_past.py::"
        "test_results_and_report_of_a_killed_run_in_a_folder_that_cant_be_written",
    ),
    # --- A plan is written once, and read ---
    Broken(
        guarantee="each row of a run is judged once",
        file="recording/spill.py",
        line="            is_made = True\n",
        instead="            is_made = False\n",
        caught_by="test_plan_file.py::"
        "test_a_run_judges_each_row_once_and_parses_it_at_most_three_times",
    ),
    Broken(
        guarantee="the plan of another run is never sent",
        file="recording/plan_check.py",
        line="    if digest.hexdigest() != record.plan_sha256:",
        instead="    if not digest.hexdigest():",
        caught_by="test_plan_check.py::test_the_plan_of_another_run_is_refused",
    ),
    Broken(
        guarantee="no id out of a plan file changes a request's path",
        file="recording/plan_check.py",
        line="    return is_safe_id(text) & (",
        instead="    return text.is_not_null() & (",
        caught_by="test_plan_check.py::test_values_that_judging_does_not_give_are_refused[rows12]",
    ),
    Broken(
        guarantee="a line whose request nothing carries makes a plan file none of ours",
        file="recording/plan_check.py",
        line="        if not is_carried.all():",
        instead="        if False:",
        caught_by="test_plan_check.py::test_values_that_judging_does_not_give_are_refused[rows6]",
    ),
    Broken(
        guarantee="somebody else's plan is compared with its copy of the input",
        file="jobs/recorded.py",
        line="        if plan and not is_own:\n",
        instead="        if False:\n",
        caught_by="test_forged_plan.py::test_every_command_that_goes_by_a_plan_refuses_it[undo]",
    ),
    Broken(
        guarantee="somebody else's plan has the lines of its copy, and no others",
        file="recording/plan_input.py",
        line="    if planned.equals(copied):",
        instead="    if planned.equals(copied) or not len(copied):",
        caught_by=f"{_FORGED}[a row too many]",
    ),
    Broken(
        guarantee="somebody else's plan names the leads that its copy names",
        file="recording/plan_input.py",
        line="        is_other = planned.ne_missing(copied) & (_IS_SENT | planned.is_not_null())",
        instead="        is_other = pl.lit(value=False)",
        caught_by=f"{_FORGED}[another lead]",
    ),
    Broken(
        guarantee="an id that stands beside an address is the one that is sent",
        file="recording/plan_input.py",
        line="            is_other = _IS_SENT & copied.is_not_null() & (planned != copied)",
        instead="            is_other = pl.lit(value=False)",
        caught_by=f"{_FORGED}[another lead than the id beside the address]",
    ),
    Broken(
        guarantee="what somebody else's plan gives for an address is an id",
        file="recording/plan_input.py",
        line="            _Check(_IS_SENT & ~is_id(planned, rules),",
        instead="            _Check(_IS_SENT & planned.is_null(),",
        caught_by=f"{_FORGED}[a name for an address's id]",
    ),
    Broken(
        guarantee="rows that share a request are of one lead",
        file="recording/plan_input.py",
        line='            (pl.col("lead") != pl.col("its_lead"))\n'
        '            | (pl.col("other_lead") != pl.col("its_other_lead")),',
        instead='            pl.col("lead").is_null(),',
        caught_by=f"{_FORGED}[one request for all]",
    ),
    Broken(
        guarantee="rows that share a request have one address",
        file="recording/plan_input.py",
        line=' ^ pl.col("email").hash(5)',
        instead="",
        caught_by=f"{_FORGED}[one request for all addresses]",
    ),
    Broken(
        guarantee="somebody else's plan sets the statuses that its copy asks for",
        file="recording/plan_input.py",
        line="            (asks_status.is_not_null() & ~is_status & (status.is_null() | ~is_lost))",
        instead="            (asks_status.is_not_null() & status.is_null())",
        caught_by=f"{_FORGED}[the value that a later row outranks]",
    ),
    Broken(
        guarantee="no status is lost but to another one",
        file="recording/plan_input.py",
        line="(status.is_null() | ~is_lost)",
        instead="~is_lost",
        caught_by=f"{_FORGED}[no status, as if another row had the last word]",
    ),
    Broken(
        guarantee="somebody else's plan sets the tags that its copy asks for",
        file="recording/plan_input.py",
        line="            (asks_tag.is_not_null() & ~is_tag & (tag.is_null() | ~is_lost))\n"
        '            | (_CARRIES & tag.is_not_null() & ~is_tag.any().over("carrier")),',
        instead="            asks_tag.is_not_null() & tag.is_null(),",
        caught_by=f"{_FORGED}[another tag]",
    ),
    Broken(
        guarantee="somebody else's plan sets no status that no row asks for",
        file="recording/plan_input.py",
        line='            | (_CARRIES & status.is_not_null() & ~is_status.any().over("carrier")),',
        instead="            ,",
        caught_by=f"{_FORGED}[a status that no row asks for]",
    ),
    Broken(
        guarantee="nothing that is not seen goes out in a tag of somebody else's plan",
        file="recording/plan_input.py",
        line="            _CARRIES & tag.str.contains(_UNSEEN) &",
        instead="            _CARRIES & tag.is_null() &",
        caught_by=f"{_FORGED}[a tag with what nobody sees at its end]",
    ),
    Broken(
        guarantee="somebody else's plan has one request a lead",
        file="recording/plan_input.py",
        line="    if again.height:",
        instead="    if False:",
        caught_by=f"{_FORGED}[a lead of two requests]",
    ),
    Broken(
        guarantee="a request is left out as a whole",
        file="recording/plan_input.py",
        line='            pl.col("reason").ne_missing(pl.col("its_reason")),',
        instead='            pl.col("line").is_null(),',
        caught_by=f"{_FORGED}[a request of which a part is left out]",
    ),
    Broken(
        guarantee="what a plan leaves out is not sent, whatever its journal lacks",
        file="recording/plan_input.py",
        line="    lost = _without(plan.source.left_out_lines(), known)",
        instead="    lost = known.clear()",
        caught_by=f"{_FORGED}[a request that is left out, and was not]",
    ),
    Broken(
        guarantee="somebody else's record reads the columns that the header names",
        file="recording/plan_input.py",
        line="    if column := table.misread(columns):",
        instead="    if column := (table.misread(columns) and None):",
        caught_by="test_forged_plan.py::"
        "test_a_record_that_reads_another_column_than_the_header_names_is_refused[run-columns1-status]",
    ),
    Broken(
        guarantee="somebody else's journal has no lines but those of its plan",
        file="recording/plan_input.py",
        line="        if len(strange := _without(found, lines)):",
        instead="        if len(strange := found.clear()):",
        caught_by="test_forged_plan.py::test_a_journal_of_other_lines_is_refused[undo]",
    ),
    Broken(
        guarantee="a resume holds somebody else's journal against the plan",
        file="jobs/reopening.py",
        line="        if plan and find_listed(request.session.state_dir, folder, record) is None:",
        instead="        if False:",
        caught_by="test_forged_plan.py::test_a_journal_of_other_lines_is_refused[resume]",
    ),
    Broken(
        guarantee="a row that was not sent has no reason that only an answer gives",
        file="recording/plan_check.py",
        line="    is_judged = reason.is_in([each.value for each in _JUDGED])",
        instead="    is_judged = reason.is_in([each.value for each in Reason])",
        caught_by=f"{_FORGED}[a reason that only an answer gives]",
    ),
    Broken(
        guarantee="a row that is wrong by itself is not sent",
        file="recording/plan_check.py",
        line="    is_left_out = reason.is_in([each.value for each in LEFT_OUT])",
        instead="    is_left_out = reason.is_in([each.value for each in Reason])",
        caught_by=f"{_FORGED}[a wrong row that is sent]",
    ),
    Broken(
        guarantee="a plan file that is a link is not followed",
        file="recording/plan_check.py",
        line='open(path, "rb", opener=private)',
        instead='open(path, "rb")',
        caught_by="test_plan_check.py::test_a_plan_that_is_no_regular_file_is_refused[link]",
    ),
    Broken(
        guarantee="what an older run asked for is read by the rules of its time",
        file="jobs/judged_again.py",
        line="if record.state is not RunState.PLANNED and journal.kept(JUDGED_NOTE) is None:",
        instead="if record.id:",
        caught_by="test_format_1.py::test_no_row_is_judged_by_the_rules_of_now",
    ),
    Broken(
        guarantee="an older run whose journal disagrees on who carried a request sends nothing",
        file="jobs/judged_again.py",
        line="    _check_carriers(folder, rows, journal)\n",
        instead="",
        caught_by="test_format_1.py::"
        "test_a_journal_that_disagrees_on_who_carried_a_request_is_refused[apart from its carrier]",
    ),
    Broken(
        guarantee="how a run's input was read is not found anew",
        file="jobs/request.py",
        line="            found=self.found,\n",
        instead="",
        caught_by="test_plan_file.py::"
        "test_what_was_found_when_a_file_was_read_is_never_found_again",
    ),
    # --- What is in a run's folder ---
    Broken(
        guarantee="who looks while another begins to write takes no log away",
        file="recording/journal_file.py",
        line="        with _closed_if_it_fails(db.close):  # what is there may be",
        instead="        with _closed_if_it_fails(partial(_close_without_trace, db, made)):  #",
        caught_by="test_journal_file.py::test_who_can_not_look_takes_nothing_from_who_writes",
    ),
    Broken(
        guarantee="a journal with a trigger, a view or anything else that is not ours is refused",
        file="recording/journal_file.py",
        line="if (kind, name, *more) not in known]",
        instead='if kind not in {"table", "index", "trigger", "view"}]',
        caught_by="test_journal_file.py::test_what_is_not_ours_is_refused_at_once[look-a trigger]",
    ),
    Broken(
        guarantee="a journal with values that are none of ours is refused before it is read",
        file="recording/journal_file.py",
        line="        if table in tables and db.execute(wrong).fetchone():\n",
        instead="        if not wrong:\n",
        caught_by="test_journal_file.py::"
        "test_what_is_not_ours_is_refused_at_once[open-a text for a number]",
    ),
    Broken(
        guarantee="no file of a journal is opened through a link",
        file="recording/journal_file.py",
        line="        if not stat.S_ISREG(found.st_mode):\n",
        instead="        if stat.S_ISDIR(found.st_mode):\n",
        caught_by="test_journal_file.py::"
        "test_no_file_of_a_journal_may_be_anything_but_a_regular_file[look-link--shm]",
    ),
    Broken(
        guarantee="a rollback journal that has SQLite delete another file is refused",
        file="recording/journal_file.py",
        line="content.read() == _MAGIC",
        instead='content.read() == b""',
        caught_by="test_journal_file.py::"
        "test_a_rollback_journal_that_would_delete_a_file_is_refused[look]",
    ),
    Broken(
        guarantee="who only looks at a journal can't write it",
        file="recording/journal_file.py",
        line='_connect(path, mode="ro")',
        instead='_connect(path, mode="rw")',
        caught_by="test_journal_file.py::"
        "test_looking_shows_what_a_killed_process_committed_beside_the_file",
    ),
    Broken(
        guarantee="what a killed run committed beside its journal is shown by who only looks",
        file="recording/journal_file.py",
        line="?mode={mode}",
        instead="?mode={mode}&immutable={int(mode == 'ro')}",
        caught_by="test_journal_file.py::"
        "test_looking_shows_what_a_killed_process_committed_beside_the_file",
    ),
    Broken(
        guarantee="every durable row of a run in a folder that can't be written is shown",
        file="recording/journal_file.py",
        line='for more in ("", WAL, ROLLBACK):',
        instead='for more in ("", ROLLBACK):',
        caught_by="test_journal_file.py::test_looking_needs_no_right_to_write[killed]",
    ),
    Broken(
        guarantee="asking whether a run is at work lets go of no lock of this process",
        file="recording/journal_file.py",
        line="            found = file.lstat()\n",
        instead="            found = file.lstat()\n            file.open('rb').close()\n",
        caught_by="test_journal_file.py::"
        "test_asking_whether_a_journal_is_in_use_lets_go_of_no_lock",
    ),
    Broken(
        guarantee="a journal that is not laid out is so only for who may",
        file="recording/journal_file.py",
        line="if not opened.format and not may_lay_out:",
        instead="if opened.format < 0:",
        caught_by="test_journal_file.py::test_a_journal_that_is_not_laid_out_is_so_only_by_who_may",
    ),
    # --- Interrupts ---
    Broken(
        guarantee="a signal raises nothing in the midst of an event loop's clean-up",
        file="terminal/signals.py",
        line="        if self.came is None:\n            self.came = signal.Signals(number)\n"
        "            if not self._runs_loop:",
        instead="        if True:\n            self.came = signal.Signals(number)\n"
        "            if True:",
        caught_by="test_signals.py::"
        "test_two_signals_end_a_command_that_runs_a_loop_with_threads[everywhere-15]",
    ),
    Broken(
        guarantee="a signal raises nothing in the midst of an event loop's work",
        file="terminal/signals.py",
        line="            if not self._runs_loop:",
        instead="            if True:",
        caught_by="test_signals.py::"
        "test_in_a_loop_a_signal_cancels_the_work_and_is_raised_after_it[15]",
    ),
    Broken(
        guarantee="a second signal ends a command that the first could not end",
        file="terminal/signals.py",
        line="        elif self._last_words:",
        instead="        elif False:",
        caught_by="test_signals.py::"
        "test_two_signals_end_a_command_that_runs_a_loop_with_threads[in_work_that_hangs-15]",
    ),
    Broken(
        guarantee="an interrupt stops the run",
        file="jobs/engine.py",
        line="            self._runner.stop(stop)\n        else:",
        instead="            pass\n        else:",
        caught_by="test_sending.py::test_an_interrupt_before_the_first_request_sends_nothing",
    ),
    Broken(
        guarantee="a stop waits for answers on their way, ten seconds at most",
        file="sending/runner.py",
        line="GRACE_S = 10.0",
        instead="GRACE_S = 60.0",
        caught_by="test_runner.py::test_a_stop_gives_up_on_answers_after_ten_seconds",
    ),
    Broken(
        guarantee="a stop ends back-offs and waits at once",
        file="sending/gate.py",
        line="            pause.cancel()",
        instead="            pass",
        caught_by="test_runner.py::test_a_stop_ends_back_offs_and_waits_for_the_pacer",
    ),
    # --- The page ---
    Broken(
        guarantee="the page listens on this machine alone",
        file="web/server.py",
        line='HOST = "127.0.0.1"',
        instead='HOST = "0.0.0.0"',
        caught_by="test_web_guard.py::test_it_listens_on_this_machine_alone",
    ),
    Broken(
        guarantee="markup in a page of the manual is shown and never obeyed",
        file="web/help_routes.py",
        line='{"html": False}',
        instead='{"html": True}',
        caught_by="test_help.py::"
        "test_markup_in_the_manual_is_shown_and_strange_links_lose_their_address",
    ),
    Broken(
        guarantee="the page answers to its own names alone",
        file="web/guard.py",
        line="or host.lower() not in access.hosts:",
        instead="or not host:",
        caught_by="test_web_guard.py::"
        "test_a_name_that_somebody_elses_dns_may_point_here_is_refused[evil.example]",
    ),
    Broken(
        guarantee="without the cookie the page shows nothing",
        file="web/guard.py",
        line="    return secrets.compare_digest(given.encode(), wanted.encode())",
        instead="    return bool(given)",
        caught_by="test_web_guard.py::"
        "test_without_the_cookie_nothing_is_shown_and_nothing_is_done[sendkit-batch-8123=wrong]",
    ),
    Broken(
        guarantee="a start address opens the page once",
        file="web/tokens.py",
        line="            self._used.add(token)\n",
        instead="            self._good_until[token] = until\n",
        caught_by="test_web_guard.py::test_a_token_is_good_once_but_a_browser_that_is_in_is_led_on",
    ),
    Broken(
        guarantee="a start address that the browser was given is good for a minute",
        file="web/tokens.py",
        line="self._clock() > until",
        instead="self._clock() < until",
        caught_by="test_web_start.py::test_a_token_is_good_for_a_minute[60.1-late]",
    ),
    Broken(
        guarantee="no other user reads the file that opens the page",
        file="web/doorway.py",
        line="os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)",
        instead="os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)",
        caught_by="test_web_start.py::test_a_browser_that_takes_the_file_up_is_all",
    ),
    Broken(
        guarantee="the page's cookie goes to no other port of this machine",
        file="web/guard.py",
        line='samesite="strict", path=access.base',
        instead='samesite="strict", path="/"',
        caught_by="test_web_guard.py::"
        "test_the_start_address_gives_a_cookie_that_scripts_and_other_sites_never_get",
    ),
    Broken(
        guarantee="outside the page's own path there is nothing to be seen",
        file="web/guard.py",
        line='if not self._access.has_path(scope["path"]):',
        instead='if "the-path" not in scope["path"]:',
        caught_by="test_web_guard.py::"
        "test_outside_its_own_path_everything_is_the_same_bare_404[/the-path-GET]",
    ),
    Broken(
        guarantee="a browser is started without the key",
        file="terminal/browser.py",
        line="environment = without_keys(os.environ)",
        instead="environment = dict(os.environ)",
        caught_by="test_browser.py::"
        "test_the_page_is_opened_by_its_address_and_the_browser_gets_no_key",
    ),
    Broken(
        guarantee="changes are taken from the page itself alone",
        file="web/guard.py",
        line='if headers.get("origin") != f"http://{host}":',
        instead='if headers.get("origin") == "http://evil.example":',
        caught_by="test_web_guard.py::test_changes_are_taken_from_the_page_alone[null-POST]",
    ),
    Broken(
        guarantee="scripts never get the page's cookie",
        file="web/guard.py",
        line="httponly=True",
        instead="httponly=False",
        caught_by="test_web_guard.py::"
        "test_the_start_address_gives_a_cookie_that_scripts_and_other_sites_never_get",
    ),
    Broken(
        guarantee="the page shows every text as text",
        file="web/render.py",
        line="autoescape=True,",
        instead="autoescape=False,",
        caught_by="test_web_way.py::test_whatever_a_cell_holds_is_shown_as_text",
    ),
    Broken(
        guarantee="practice on the page goes on where it was planned",
        file="jobs/opening.py",
        line="if ground := request.session.practice:",
        instead="if False and (ground := request.session.practice):",
        caught_by="test_web_way.py::test_practice_goes_the_whole_way_without_a_key",
    ),
    Broken(
        guarantee="practice on the page is planned first",
        file="web/work_routes.py",
        line="kind = Kind.PLAN if practice and",
        instead="kind = Kind.PLAN if False and",
        caught_by="test_web_way.py::test_practice_goes_the_whole_way_without_a_key",
    ),
    Broken(
        guarantee="practice is marked on every page of its way",
        file="web/run_routes.py",
        line='"is_practice": run.record.sandbox,',
        instead='"is_practice": False,',
        caught_by="test_web_way.py::test_practice_goes_the_whole_way_without_a_key",
    ),
    Broken(
        guarantee="practice whose sandbox is gone is not undone",
        file="web/desk.py",
        line="is not None and access.base_url == record.base_url",
        instead="is not None",
        caught_by="test_web_way.py::test_practice_goes_the_whole_way_without_a_key",
    ),
    Broken(
        guarantee="a run that failed throughout is not green",
        file="wording/runs.py",
        line="return Standing.PARTLY if counts[Result.SUCCESS] else Standing.FAILED",
        instead="return Standing.WELL",
        caught_by="test_web_runs.py::test_each_run_says_what_it_was_and_what_came_of_it",
    ),
    Broken(
        guarantee="wrong rows of workspaces that are finished are counted when a run goes on",
        file="wording/parts.py",
        line="nobodys, judged, *(",
        instead="nobodys, *(",
        caught_by="test_several_words.py::"
        "test_wrong_rows_of_workspaces_that_are_finished_are_counted_as_wrong",
    ),
    Broken(
        guarantee="the page asks before it removes runs",
        file="web/run_list.py",
        line=" if run.record.id in shown]",
        instead=" if run.record.id]",
        caught_by="test_web_runs.py::test_pruning_asks_and_removes_what_it_has_shown_of_ones_own",
    ),
    Broken(
        guarantee="the page removes listed runs only",
        file="web/run_list.py",
        line="old = prunable(desk.runs().own, older_than=parse_age(age))",
        instead="known = desk.runs()\n    from batch.recording.history import read_run\n"
        "    from batch.jobs.runs import describe_run\n"
        "    more = [describe_run(f, read_run(f).record, state_dir=desk.place.state_dir) "
        "for f in known.others]\n"
        "    old = prunable([*known.own, *more], older_than=parse_age(age))",
        caught_by="test_web_runs.py::test_pruning_asks_and_removes_what_it_has_shown_of_ones_own",
    ),
    Broken(
        guarantee="the page shows another process's run as it goes",
        file="web/run_list.py",
        line="return self.run.standing is Standing.AT_WORK",
        instead="return False",
        caught_by="test_web_runs.py::test_a_run_of_another_process_is_seen_live",
    ),
    Broken(
        guarantee="a counter of the page shows the rows that it counts",
        file="web/file_routes.py",
        line='"send": frozenset({""}),',
        instead='"send": frozenset({"", "skipped"}),',
        caught_by="test_web_way.py::test_counters_show_the_rows_that_they_count",
    ),
    Broken(
        guarantee="rows of before a run went on are not taken for what its counters count",
        file="web/run_routes.py",
        line='"are_older": any(',
        instead='"are_older": False and any(',
        caught_by="test_web_way.py::test_counters_show_the_rows_that_they_count",
    ),
    Broken(
        guarantee="problems come first on the page",
        file="web/forms.py",
        line="first=first,",
        instead="first=None,",
        caught_by="test_web_way.py::test_counters_show_the_rows_that_they_count",
    ),
    Broken(
        guarantee="what a lead was is not said where nobody read it",
        file="web/shown_rows.py",
        line="return pl.when(is_unread).then(pl.lit(NOT_READ)).otherwise(value)",
        instead="return value",
        caught_by="test_web_rows.py::test_a_plan_is_counted_and_its_changes_are_told",
    ),
    Broken(
        guarantee="the page sends nothing before the yes",
        file="web/talk.py",
        line='is somebody at the page."""\n        return True',
        instead='is somebody at the page."""\n        return False',
        caught_by="test_web_way.py::test_nothing_is_sent_before_the_yes",
    ),
    Broken(
        guarantee="the page wants the very number typed",
        file="web/talk.py",
        line="typed != str(asked.typed_number)",
        instead="not typed",
        caught_by="test_web_way.py::test_a_number_must_be_typed_where_a_slip_would_be_costly",
    ),
    Broken(
        guarantee="an upload is no larger than is allowed",
        file="web/uploads.py",
        line="if own > limits.size_bytes:",
        instead="if own < 0:",
        caught_by="test_web_uploads.py::test_a_file_that_is_too_large_is_refused_as_it_comes",
    ),
    Broken(
        guarantee="all uploads together have a limit",
        file="web/uploads.py",
        line="if total > limits.total_bytes:",
        instead="if total < 0:",
        caught_by="test_web_uploads.py::"
        "test_all_uploads_together_have_a_limit_and_what_goes_makes_room",
    ),
    Broken(
        guarantee="an upload that is broken off leaves the disk at once",
        file="web/uploads.py",
        line="        except BaseException:\n            self.remove(upload)\n",
        instead="        except BaseException:\n",
        caught_by="test_web_uploads.py::test_what_is_broken_off_leaves_nothing",
    ),
    Broken(
        guarantee="a form with too many fields is refused, and is no error of the program",
        file="web/forms.py",
        line="max_num_fields=_MOST_FIELDS",
        instead="max_num_fields=None",
        caught_by="test_web_uploads.py::test_a_form_of_too_many_fields_is_refused",
    ),
    Broken(
        guarantee="a request's head must be whole in time",
        file="web/wire.py",
        line="return waited_s > limits.head_s",
        instead="return waited_s > 100 * limits.head_s",
        caught_by="test_web_wire.py::test_a_head_must_be_whole_in_time[]",
    ),
    Broken(
        guarantee="a body that does not go on is ended",
        file="web/wire.py",
        line="or now - self._came > limits.body_idle_s",
        instead="or now < self._came",
        caught_by="test_web_wire.py::"
        "test_a_body_must_go_on_and_come_to_an_end[PUT /files?name=leads.csv]",
    ),
    Broken(
        guarantee="what comes after a refusal is not taken for long",
        file="web/wire.py",
        line="return waited_s > limits.unwanted_s",
        instead="return waited_s > 100 * limits.unwanted_s",
        caught_by="test_web_wire.py::test_what_comes_after_a_refusal_is_not_taken_for_long",
    ),
    Broken(
        guarantee="the page has so many connections at most",
        file="web/wire.py",
        line="if len(self.connections) <= self._limits.connections:",
        instead="if len(self.connections) <= 100 * self._limits.connections:",
        caught_by="test_web_wire.py::"
        "test_of_too_many_connections_the_one_goes_that_is_idle_for_longest",
    ),
    Broken(
        guarantee="an upload is opened by another process, not by the one that sends a run",
        file="web/tray.py",
        line="    return inspect_apart(ask, is_given_up=is_given_up)",
        instead="    from batch.web.inspection import inspect\n\n    return inspect(ask)",
        caught_by="test_web_reader.py::test_the_page_reads_in_a_process_of_its_own",
    ),
    Broken(
        guarantee="who reads an upload has no key",
        file="web/reader.py",
        line="environment = without_keys(os.environ)",
        instead="environment = dict(os.environ)",
        caught_by="test_web_reader.py::test_the_reader_has_neither_the_key_nor_a_socket",
    ),
    Broken(
        guarantee="who reads an upload has no open socket",
        file="web/reader.py",
        line="close_fds=True",
        instead="close_fds=False",
        caught_by="test_web_reader.py::test_the_reader_has_neither_the_key_nor_a_socket",
    ),
    Broken(
        guarantee="reading an upload has a limit on memory",
        file="web/reader.py",
        line="> limits.memory_bytes:",
        instead="< 0:",
        caught_by="test_web_reader.py::test_a_reader_that_takes_too_much_is_ended[memory]",
    ),
    Broken(
        guarantee="reading an upload has a limit on time",
        file="web/reader.py",
        line="give_up_at = time.monotonic() + most_s",
        instead="give_up_at = time.monotonic() + 6 * most_s",
        caught_by="test_web_reader.py::test_a_reader_that_takes_too_much_is_ended[freezes]",
    ),
    Broken(
        guarantee="a file that no reader came through gets to no run",
        file="web/tray.py",
        line="if self.file.checked is None:",
        instead="if not self.file.upload:",
        caught_by="test_web_reader.py::test_what_no_reader_came_through_gets_to_no_run",
    ),
    Broken(
        guarantee="an upload expands to no more than is allowed",
        file="web/inspection.py",
        line="if expands_beyond(ask.path, ask.unpacked_bytes):",
        instead="if ask.path.stat().st_size > ask.unpacked_bytes:",
        caught_by="test_web_uploads.py::test_a_file_that_expands_to_too_much_is_refused[zst]",
    ),
    Broken(
        guarantee="an upload has no more rows than are allowed",
        file="web/checked.py",
        line="if rows > most_rows:",
        instead="if rows < 0:",
        caught_by="test_web_uploads.py::test_a_file_with_too_many_rows_is_refused_on_the_page",
    ),
    Broken(
        guarantee="of a run's folder only results are given out",
        file="web/run_routes.py",
        line="if name not in _FILES or not is_plain(path):",
        instead="if not is_plain(path):",
        caught_by="test_web_way.py::test_only_files_of_a_run_are_given_out",
    ),
    Broken(
        guarantee="no key gets out of the page with an unexpected error",
        file="web/worker.py",
        line="sys.stderr.write(visible_lines(self._hide(text)))",
        instead="sys.stderr.write(text)",
        caught_by="test_web_way.py::test_an_unexpected_error_shows_no_key",
    ),
    Broken(
        guarantee="nothing leaves while a run rests",
        file="sending/gate.py",
        line="return LONGEST_SLEEP_S if self.is_resting else self._pacer",
        instead="return self._pacer",
        caught_by="test_runner.py::"
        "test_nothing_leaves_while_the_job_rests_and_then_it_goes_on_in_pace",
    ),
    # --- What a spreadsheet may cost is bounded by what comes out of it ---
    Broken(
        guarantee="a workbook's cell is no longer than a workbook's cell can be",
        file="reading/cost.py",
        line="if max(lengths) > MAX_CELL:",
        instead="if max(lengths) < 0:",
        caught_by="test_cost.py::test_a_tally_refuses_a_cell_that_no_workbook_can_hold",
    ),
    Broken(
        guarantee="a workbook's cells together are bounded, repeated ones each time",
        file="reading/cost.py",
        line="self._filled += len(lengths)",
        instead="self._filled += len(set(lengths))",
        caught_by="test_cost.py::test_filled_cells_count_each_time_that_they_are_repeated",
    ),
    Broken(
        guarantee="a workbook's texts together are bounded, repeated ones each time",
        file="reading/cost.py",
        line="self._characters += sum(lengths)",
        instead="self._characters += sum(set(lengths))",
        caught_by="test_cost.py::test_texts_count_each_time_that_a_repeated_row_or_cell_has_them",
    ),
    Broken(
        guarantee="a workbook's elements lie only so deep within each other",
        file="reading/markup.py",
        line="if level > MAX_LEVELS:",
        instead="if level < 0:",
        caught_by="test_markup.py::test_elements_that_lie_too_deep_are_refused",
    ),
    Broken(
        guarantee="a tag or comment of a workbook's part is only so long",
        file="reading/markup.py",
        line="if size - parser.CurrentByteIndex > _LONGEST_MARKUP:",
        instead="if size < 0:",
        caught_by="test_markup.py::test_markup_that_is_too_long_is_refused_before_it_ends",
    ),
    Broken(
        guarantee="a Parquet file is judged by what it says itself before anything is decoded",
        file="reading/parquet.py",
        line="if contents.unpacked_bytes > allowed:",
        instead="if contents.unpacked_bytes < 0:",
        caught_by="test_parquet.py::"
        "test_what_says_itself_that_it_unpacks_to_too_much_is_refused_unread",
    ),
    Broken(
        guarantee="what a Parquet file's footer says of its size must hold for its pages",
        file="reading/parquet_contents.py",
        line="total += _integer(page, 2)",
        instead="total = _integer(chunk, 6)",
        caught_by="test_parquet_contents.py::"
        "test_a_footer_that_says_less_than_its_pages_is_not_believed",
    ),
    Broken(
        guarantee="a cell of text or Parquet takes no more than 1 MB",
        file="reading/cost.py",
        line="if (length or 0) > MAX_TEXT_CELL:",
        instead="if (length or 0) < 0:",
        caught_by="test_parquet.py::test_a_cell_of_more_than_1_mb_is_refused_by_its_place",
    ),
    Broken(
        guarantee="a header above ids is never passed over for names below them",
        file="reading/header_row.py",
        line="                if fits:",
        instead="                if fits and named is None:",
        caught_by="test_header_row.py::"
        "test_an_ordinary_header_is_not_passed_over_for_names_below_its_rows[ordinary0]",
    ),
    Broken(
        guarantee="of several rows with the names the first is the header",
        file="reading/header_row.py",
        line="named = next((at for at, row in enumerate(rows) if self.has_names(row)), None)",
        instead="named = max((at for at, row in enumerate(rows) if self.has_names(row)), "
        "default=None)",
        caught_by="test_header_row.py::"
        "test_the_header_is_the_first_row_with_the_names_else_the_one_above_the_values",
    ),
    Broken(
        guarantee="a first row with the names is the header, whatever stands below it",
        file="reading/header_row.py",
        line="if self.line is None and evidence is Evidence.PLACE:",
        instead="if self.line is None and (rows := rows[place + evidence // 2 :]):",
        caught_by="test_header_row.py::test_an_ordinary_table_keeps_its_first_row_as_the_header",
    ),
    Broken(
        guarantee="rows with ids are never passed over as titles",
        file="reading/header_row.py",
        line="return len(values) > 1 or (",
        instead="return (",
        caught_by="test_header_row.py::"
        "test_rows_without_a_header_are_not_passed_over_for_names_below_them",
    ),
    Broken(
        guarantee="rows with ids are never passed over as titles of another delimiter",
        file="reading/header_row.py",
        line='if len(_IDS.findall(" ".join(row.values()))) > 1:',
        instead='if len(_IDS.findall(" ".join(row.values()))) > 9:',
        caught_by="test_header_row.py::test_no_row_that_could_be_sent_is_passed_over",
    ),
    Broken(
        guarantee="rows with addresses are never passed over as titles",
        file="reading/header_row.py",
        line="(len(row) >= fewest and not values.isdisjoint(addresses))",
        instead="(len(row) < fewest and not values.isdisjoint(addresses))",
        caught_by="test_header_row.py::test_no_row_that_could_be_sent_is_passed_over",
    ),
    Broken(
        guarantee="rows are never passed over as titles where ids look otherwise, too",
        file="reading/header_row.py",
        line="if self.has_own_ids and len(row) >= _FEWEST:",
        instead="if self.has_own_ids and len(row) < _FEWEST:",
        caught_by="test_header_row.py::"
        "test_where_ids_look_otherwise_only_titles_of_two_cells_are_passed_over",
    ),
    Broken(
        guarantee="a text that a program has protected is read, wherever quotes stand",
        file="reading/delimited.py",
        line="if not has_quotes:",
        instead="if has_quotes:",
        caught_by="test_exporters.py::test_only_a_text_alone_behind_the_equals_sign_is_taken_out",
    ),
    Broken(
        guarantee="what is data by one delimiter is no title by another",
        file="reading/head.py",
        line="heads = [head for head in heads if data_line is None or head.line <= data_line]",
        instead="",
        caught_by="test_header_row.py::"
        "test_rows_are_never_passed_over_for_names_with_another_delimiter",
    ),
    Broken(
        guarantee="two rows with addresses are never passed over as titles",
        file="reading/header_row.py",
        line="not addressed.isdisjoint(values)\n",
        instead="addressed.isdisjoint({-1, *values}) and False\n",
        caught_by="test_header_row.py::test_no_row_that_could_be_sent_is_passed_over",
    ),
    Broken(
        guarantee="a header above statuses is found below titles",
        file="reading/header_row.py",
        line="if named is None and self._is_header_of_words(rows[first], rows[first + 1 :]):",
        instead="if named is None and self._is_header_of_words(rows[first], []):",
        caught_by="test_header_row.py::"
        "test_the_header_is_the_first_row_with_the_names_else_the_one_above_the_values",
    ),
    Broken(
        guarantee="a row that begins with an address or an id is never passed over",
        file="reading/header_row.py",
        line="or (len(row) >= _FEWEST and min(row) in values)",
        instead="",
        caught_by="test_header_row.py::test_no_row_that_could_be_sent_is_passed_over",
    ),
    Broken(
        guarantee="what fits into the next window is not forecast as stretched over it",
        file="jobs/engine.py",
        line="        earlier = (requests - 1) // learnt.refill * learnt.refill",
        instead="        earlier = requests",
        caught_by="test_sending.py::"
        "test_a_window_that_is_used_up_is_forecast_by_its_end_and_not_stretched",
    ),
    Broken(
        guarantee="no pace of nothing is shown while the next request is waited for",
        file="wording/progress.py",
        line="if moment.rate_per_s < _STILL_PER_S and wait_s >= 1:",
        instead="if moment.rate_per_s < 0 and wait_s >= 1:",
        caught_by="test_web_live.py::test_the_wait_for_the_next_request_is_shown_where_none_leaves",
    ),
    Broken(
        guarantee="a window of unnamed length counts in the forecast",
        file="jobs/known_pace.py",
        line="length_s = each.window_s or each.reset_s\n            if length_s > 0",
        instead="length_s = each.window_s or 0.0\n            if length_s > 0",
        caught_by="test_known_pace.py::"
        "test_a_window_of_unnamed_length_is_as_long_as_the_time_to_its_end",
    ),
    Broken(
        guarantee="of two tables with the names the first counts, whatever their delimiters",
        file="reading/head.py",
        line="first = -self.line if self.evidence is Evidence.NAMES else 0",
        instead="first = self.line if self.evidence is Evidence.NAMES else 0",
        caught_by="test_header_row.py::"
        "test_of_two_tables_with_the_names_the_first_counts_whatever_their_delimiters",
    ),
    Broken(
        guarantee="a row is no header, however its columns are mapped",
        file="reading/layout.py",
        line="    if not was_accepted:\n        refuse_row(",
        instead="    if was_accepted:\n        refuse_row(",
        caught_by="test_header_row.py::"
        "test_a_row_is_no_header_though_columns_are_mapped_by_their_numbers",
    ),
    Broken(
        guarantee="a sheet without rows is not taken for another one that has some",
        file="reading/workbook.py",
        line=" and any(with_columns.values()):",
        instead=":",
        caught_by="test_workbook.py::"
        "test_a_sheet_without_rows_is_not_taken_for_one_that_has_some[xlsx]",
    ),
    Broken(
        guarantee="lines of a workbook are the spreadsheet's, whatever stands above the header",
        file="reading/workbook.py",
        line="first_line=top.line + 1",
        instead="first_line=top.line + 1 - len(top.above)",
        caught_by="test_header_row.py::"
        "test_titles_are_passed_over_and_the_rows_are_those_without_them_further_down[.xlsx]",
    ),
    Broken(
        guarantee="lines of a text are the spreadsheet's, whatever stands above the header",
        file="reading/delimited.py",
        line="line, offset = head.line + 1, head.end",
        instead="line, offset = head.line + 1 - len(head.above), head.end",
        caught_by="test_header_row.py::"
        "test_titles_are_passed_over_and_the_rows_are_those_without_them_further_down[.csv]",
    ),
    Broken(
        guarantee="the header of an earlier run's input is the one that it had then",
        file="reading/spreadsheet.py",
        line="line=self.found.header_line if self.found else self.header_row",
        instead="line=self.header_row",
        caught_by="test_header_row.py::test_who_reads_on_takes_the_header_that_was_found",
    ),
    Broken(
        guarantee="no row with a cell that could be a value is taken for a line of units",
        file="judging/rules.py",
        line='        ~pl.any_horizontal(*is_value, "clear_tag"),\n',
        instead="",
        caught_by="test_rules.py::test_a_line_with_a_cell_that_could_be_a_value_is_a_row",
    ),
    Broken(
        guarantee="a hidden sheet is never taken by itself",
        file="reading/workbook.py",
        line="    for sheet in book.visible:\n",
        instead="    for sheet in book.visible + book.hidden:\n",
        caught_by="test_workbook.py::test_a_hidden_sheet_is_never_taken_by_itself[xlsx]",
    ),
    Broken(
        guarantee="of several sheets with the columns none is taken unasked",
        file="reading/workbook.py",
        line="if len(with_columns) == 1 and any(with_columns.values()):",
        instead="if with_columns:",
        caught_by="test_workbook.py::test_several_sheets_are_refused_until_one_is_chosen",
    ),
    Broken(
        guarantee="a header is refused when it is too long, never cut",
        file="reading/head.py",
        line="if not is_blank and not is_whole and source.taken == len(text):",
        instead="if is_whole and source.taken > len(text):",
        caught_by="test_delimited.py::test_a_header_that_is_too_long_is_refused_and_never_cut",
    ),
    Broken(
        guarantee="a text file has no more columns than a sheet",
        file="reading/head.py",
        line="check_columns(len(best.header), name=name)",
        instead="check_columns(1, name=name)",
        caught_by="test_delimited.py::test_more_columns_than_a_sheet_has_are_refused",
    ),
    Broken(
        guarantee="a row of text is read only so far",
        file="reading/records.py",
        line="if self._room < 0:",
        instead="if self._room is None:",
        caught_by="test_delimited.py::"
        "test_a_row_that_is_too_long_is_refused_before_it_is_read_whole",
    ),
    Broken(
        guarantee="short rows below a wide header take little memory",
        file="reading/delimited.py",
        line="elif lines > _ROWS_A_FRAME or lines * width > _CELLS_A_FRAME:",
        instead="elif lines < 0:",
        caught_by="test_delimited.py::"
        "test_short_rows_below_a_wide_header_are_parsed_no_wider_than_they_are",
    ),
    Broken(
        guarantee="a pattern over foreign text takes time in proportion to it",
        file="reading/sheet.py",
        line=r"\[(?!(?:h+|m+|s+)\])[^\[\]]*\]",
        instead=r"\[(?!(?:h+|m+|s+)\])[^\]]*\]",
        caught_by="test_patterns.py::test_every_pattern_has_its_worst_input_and_no_other_is_named",
    ),
    Broken(
        guarantee="looking for near names ends when it has cost enough",
        file="near_names.py",
        line="self._left -= len(name) * len(word)",
        instead="self._left -= 0 * len(word)",
        caught_by="test_near_names.py::test_looking_ends_when_it_has_cost_enough",
    ),
    Broken(
        guarantee="what repeats in a workbook is held once",
        file="reading/grid.py",
        line="pl.Series(values=column[:1] if is_one else column, dtype=pl.String)",
        instead="pl.Series(values=column, dtype=pl.String)",
        caught_by="test_grid.py::"
        "test_what_all_rows_of_a_part_have_is_held_once_and_far_cells_cost_no_more",
    ),
    Broken(
        guarantee="a workbook's number formats are only so long",
        file="reading/xlsx.py",
        line='check_format_code(attributes["formatCode"])',
        instead='attributes["formatCode"]',
        caught_by="test_xlsx.py::test_a_number_format_of_brackets_is_refused_unread",
    ),
    Broken(
        guarantee="a workbook has only so many cell formats",
        file="reading/xlsx.py",
        line="check_cell_formats(numbers[parent])",
        instead="check_cell_formats(0)",
        caught_by="test_xlsx.py::test_only_so_many_cell_formats_are_read[cellXfs]",
    ),
    Broken(
        guarantee="a workbook's parts together unpack only so far",
        file="reading/workbook.py",
        line="if sum(part.file_size for part in archive.infolist()) > max_unpacked_bytes(size):",
        instead="if not archive.infolist():",
        caught_by="test_cost.py::test_all_parts_together_unpack_only_so_far",
    ),
    # --- Results ---
    Broken(
        guarantee="each row has the outcome of its own line, not of its place",
        file="recording/result_rows.py",
        line='return rows.join(outcomes, on="line", how="left", maintain_order="left")',
        instead='return rows.with_row_index("at").join(\n'
        '        outcomes.drop("line").with_row_index("at"), on="at", how="left"\n    )',
        caught_by="test_promises.py::test_each_row_has_the_outcome_of_its_own_line",
    ),
    Broken(
        guarantee="results.csv and run.json are swapped by rename",
        file="recording/atomic_file.py",
        line="Path(self.file.name).replace(target)",
        instead="target.write_bytes(Path(self.file.name).read_bytes())",
        caught_by="test_promises.py::test_a_reader_that_has_the_old_file_open_reads_it_to_its_end",
    ),
    Broken(
        guarantee="a file's bytes are on the disk before it gets its name",
        file="recording/atomic_file.py",
        line="            os.fsync(self.file.fileno())",
        instead="            pass",
        caught_by="test_atomic_file.py::"
        "test_the_bytes_are_on_the_disk_before_the_name_changes_and_then_the_name_is",
    ),
    Broken(
        guarantee="the sum of the results is checked before they are put in place",
        file="recording/results.py",
        line="        _check_sum("
        "count, journal, table.name, rows=count.rows if rows is None else rows)",
        instead="        pass",
        caught_by="test_results.py::test_an_outcome_of_no_input_row_stops_the_writing",
    ),
    Broken(
        guarantee="rows without an outcome are never a finished run",
        file="jobs/outcome.py",
        line="if tally.unsent and ended.stop is None and ended.failure is None:",
        instead="if tally.unsent and ended.stop is not None and ended.failure is not None:",
        caught_by="test_execution.py::test_rows_without_an_outcome_are_never_a_finished_run",
    ),
    # --- What is called a success ---
    Broken(
        guarantee="a 2xx alone is no success",
        file="api/answer.py",
        line="verdict = _read_confirmation(change, reply.body, redactor)",
        instead="verdict = _Verdict(Reason.APPLIED)",
        caught_by="test_answer.py::test_any_other_2xx_is_an_error_with_its_own_reason",
    ),
    Broken(
        guarantee="data that disagrees with what was asked is no success",
        file="api/answer.py",
        line="    if differences:",
        instead="    if not data:",
        caught_by="test_answer.py::test_data_that_disagrees_is_not_applied",
    ),
    Broken(
        guarantee="a 2xx whose body broke off is no success",
        file="api/answer.py",
        line="        return _Verdict(body.reason, body.message)",
        instead="        return _Verdict(Reason.APPLIED)",
        caught_by="test_answer.py::test_a_2xx_whose_body_broke_off_is_no_answer",
    ),
    Broken(
        guarantee="a request that may have arrived is never called not_connected",
        file="api/faults.py",
        line="if isinstance(error, _UNSENT) else Reason.NO_ANSWER",
        instead="if isinstance(error, httpx.TransportError) else Reason.NO_ANSWER",
        caught_by="test_sendkit.py::test_a_fault_is_not_connected_only_when_surely_nothing_left",
    ),
    # --- What is read ---
    Broken(
        guarantee="a cell of a workbook stands where its reference says, not at its turn",
        file="reading/sheet_xml.py",
        line="self._cells[column] = text",
        instead="self._cells[len(self._cells)] = text",
        caught_by="test_places.py::test_a_cell_stands_where_its_reference_says",
    ),
    Broken(
        guarantee="every value of a workbook stands where openpyxl has it",
        file="reading/sheet_xml.py",
        line="                self._column = column_number(letters)",
        instead="                self._column += 1 + 0 * column_number(letters)",
        caught_by="test_openpyxl.py::test_every_value_stands_where_openpyxl_has_it",
    ),
    Broken(
        guarantee="a shared text below the first is none from the end",
        file="reading/xlsx.py",
        line="        if not number.isdecimal() or int(number) >= len(self._strings):",
        instead="        if int(number) >= len(self._strings):",
        caught_by="test_xlsx.py::test_a_shared_text_that_is_not_there_is_refused[-1]",
    ),
    Broken(
        guarantee="a reference's row outranks that of the element round it",
        file="reading/sheet_xml.py",
        line="                    self._cell_line = row_number(line)",
        instead="                    row_number(line)",
        caught_by="test_places.py::test_a_cell_stands_where_its_reference_says",
    ),
    Broken(
        guarantee="rows of a workbook that are out of order are read in order",
        file="reading/sheet_xml.py",
        line="            raise UnorderedRowsError",
        instead="            return",
        caught_by="test_places.py::test_rows_in_any_order_are_read_in_order",
    ),
    Broken(
        guarantee="a place of a sheet that is filled twice is refused",
        file="reading/sheet_xml.py",
        line="if column in self._cells or column in self._empty:",
        instead="if column in self._empty:",
        caught_by="test_places.py::test_a_place_that_is_filled_twice_is_refused",
    ),
    Broken(
        guarantee="so it is where its empty cells come first",
        file="reading/sheet_xml.py",
        line="if column in self._cells or column in self._empty:",
        instead="if column in self._cells:",
        caught_by="test_places.py::test_a_place_that_is_filled_twice_is_refused",
    ),
    Broken(
        guarantee="a cell that could stand in two rows is refused",
        file="reading/sheet_xml.py",
        line="            if self._has_unnamed and (self._has_strayed or not self._counts):",
        instead="            if False:",
        caught_by="test_places.py::test_a_cell_that_could_stand_in_two_rows_is_refused",
    ),
    Broken(
        guarantee="names of parts are compared regardless of case and of slashes",
        file="reading/content.py",
        line='return name.replace("\\\\", "/").lstrip("/").casefold()',
        instead="return name",
        caught_by="test_content.py::test_names_of_parts_are_compared_as_every_system_does",
    ),
    Broken(
        guarantee="two parts of one name are refused",
        file="reading/markup.py",
        line="        if first is not info and not info.is_dir():",
        instead="        if False:",
        caught_by="test_places.py::test_two_parts_of_one_name_are_refused",
    ),
    Broken(
        guarantee="a row in which a cell has swallowed others is an error",
        file="judging/rules.py",
        line='        _Check(None, None, pl.col("is_swallowed")),\n',
        instead="",
        caught_by="test_swallowed.py::test_a_row_in_which_a_cell_has_swallowed_others_is_an_error",
    ),
    Broken(
        guarantee="it is told by the ids in the cell's lines",
        file="reading/swallowed.py",
        line="not (values.have_id() or values.are_of_rows(widths))",
        instead="not values.are_of_rows(widths)",
        caught_by="test_swallowed.py::test_a_row_in_which_a_cell_has_swallowed_others_is_an_error",
    ),
    Broken(
        guarantee="and by their number of cells, where ids are of another kind",
        file="reading/swallowed.py",
        line="not (values.have_id() or values.are_of_rows(widths))",
        instead="not values.have_id()",
        caught_by="test_swallowed.py::test_a_row_in_which_a_cell_has_swallowed_others_is_an_error",
    ),
    Broken(
        guarantee="no cell with a line break is passed over",
        file="reading/delimited.py",
        line="                if frame.height == text_lines:",
        instead="                if True:",
        caught_by="test_swallowed.py::test_a_row_in_which_a_cell_has_swallowed_others_is_an_error",
    ),
    Broken(
        guarantee="a note of several lines is no error",
        file="reading/swallowed.py",
        line="        return fitting > 2 * others",
        instead="        return True",
        caught_by="test_swallowed.py::test_a_note_of_several_lines_is_a_note",
    ),
    # --- Columns proposed by their values ---
    Broken(
        guarantee="columns that are proposed by their values are never used unasked",
        file="reading/header.py",
        line="    _refuse_missing(\n        header,\n",
        instead="    found |= propose(found)\n    _refuse_missing(\n        header,\n",
        caught_by="test_proposals.py::test_a_proposal_is_never_used_unasked",
    ),
    Broken(
        guarantee="of two columns of ids the one with few values is the campaign's",
        file="reading/proposals.py",
        line="    ordered = sorted(columns, key=lambda each: each.distinct)",
        instead="    ordered = sorted(columns, key=lambda each: -each.distinct)",
        caught_by="test_proposals.py::test_columns_are_proposed_by_their_values",
    ),
    Broken(
        guarantee="the option that is printed works in a shell, whatever the column is called",
        file="terminal/remedies.py",
        line="shlex.quote(header)",
        instead="f'\"{header}\"'",
        caught_by="test_proposals.py::test_the_printed_option_has_its_column_in_quotes_for_a_shell",
    ),
    # --- The end of a command in a terminal ---
    Broken(
        guarantee="scripts find the one line at the end, also at a terminal with --quiet",
        file="terminal/console.py",
        line="return not (self._quiet or self._as_json) and can_redraw(self.err)",
        instead="return can_redraw(self.err)",
        caught_by="test_last_lines.py::"
        "test_programs_get_the_one_line_also_at_a_usage_error[--quiet]",
    ),
    Broken(
        guarantee="a log without a terminal ends with the one line",
        file="terminal/screen.py",
        line="return console.file.isatty() and not console.is_dumb_terminal",
        instead="return not console.is_dumb_terminal",
        caught_by="test_last_lines.py::"
        "test_programs_get_the_one_line_also_at_a_usage_error[no terminal]",
    ),
    Broken(
        guarantee="a usage error at a terminal is its sentence, without counts or a next step",
        file="terminal/last_lines.py",
        line="if then.is_obvious or not (",
        instead="if not (",
        caught_by="test_last_lines.py::test_at_a_usage_error_a_person_gets_its_sentence_and_no_counts",
    ),
    Broken(
        guarantee="no path is broken on a terminal, however long it is",
        file="terminal/last_lines.py",
        line="console.print(Text.assemble(label, _linked(path)), soft_wrap=True)",
        instead="console.print(Text.assemble(label, _linked(path)))",
        caught_by="test_last_lines.py::test_on_a_terminal_no_path_and_no_command_is_broken[80]",
    ),
    Broken(
        guarantee="a word of a sentence that is longer than the terminal is not broken",
        file="terminal/prose.py",
        line="break_long_words=False",
        instead="break_long_words=True",
        caught_by="test_prose.py::test_a_word_that_is_wider_than_the_terminal_is_not_broken",
    ),
    Broken(
        guarantee="no links where nobody knows whether the terminal has them",
        file="terminal/last_lines.py",
        line="    if is_inside or term ==",
        instead="    if term ==",
        caught_by="test_last_lines.py::test_links_are_for_terminals_that_are_known_to_have_them",
    ),
    Broken(
        guarantee="no retry is offered for rows that need mending",
        file="model.py",
        line="return sum(n for reason, n in self.items() if reason.may_pass)",
        instead="return self.error",
        caught_by="test_program.py::test_failed_rows_can_be_fed_back_in",
    ),
    Broken(
        guarantee="a status that somebody typed is not taken for one that an undo does not know",
        file="judging/rules.py",
        line="status == NOT_READ)] if rules.sets_back else []",
        instead="status == NOT_READ)] if rules.name else []",
        caught_by="test_rules.py::test_a_row_of_an_undo_is_known_as_such_and_not_by_its_words"
        "[typed]",
    ),
    Broken(
        guarantee="an undo that is gone on with still knows that its rows set leads back",
        file="jobs/recorded.py",
        line="        sets_back=record.undo_of is not None,\n",
        instead="",
        caught_by="test_in_doubt.py::"
        "test_leads_that_may_have_been_changed_and_were_not_read_are_named",
    ),
    Broken(
        guarantee="after an undo nobody is told to mend rows that nobody wrote",
        file="jobs/outcome.py",
        line="    if is_undo and not has_changed:",
        instead="    if is_undo and not tally.error:",
        caught_by="test_undoing.py::test_leads_are_set_back_to_what_they_were",
    ),
    Broken(
        guarantee="a mistyped option names the nearest one of the command",
        file="terminal/command_line.py",
        line='near = NearNames().nearest(option.lstrip("-"), taken)',
        instead="near = None",
        caught_by="test_command_line.py::"
        "test_a_wrong_command_line_is_exit_2_with_one_json_object_and_a_last_line",
    ),
    Broken(
        guarantee="a mistyped command names the nearest one",
        file="terminal/command_line.py",
        line="{did_you_mean(word, self.commands)}",
        instead="{did_you_mean('', self.commands)}",
        caught_by="test_command_line.py::"
        "test_a_wrong_command_line_is_exit_2_with_one_json_object_and_a_last_line",
    ),
    Broken(
        guarantee="a mistyped choice names the nearest one",
        file="settings/messages.py",
        line='words if set(between) <= {"", ", ", " or "} else []',
        instead="[]",
        caught_by="test_settings_model.py::test_a_word_that_is_nearly_a_choice_is_told_the_choice",
    ),
    Broken(
        guarantee="shells can complete the program's words",
        file="terminal/command_line.py",
        line="    no_args_is_help=True,\n    pretty",
        instead="    no_args_is_help=True,\n    add_completion=False,\n    pretty",
        caught_by="test_command_line.py::test_completion_is_installed_for_the_shell[bash]",
    ),
    # --- Earlier runs ---
    Broken(
        guarantee="`undo latest` undoes no undo",
        file="jobs/runs.py",
        line="run.record.undo_of or run.kind is Kind.PLAN or",
        instead="run.kind is Kind.PLAN or",
        caught_by="test_runs.py::"
        "test_the_latest_run_is_the_newest_on_which_the_command_makes_sense[undo-fine]",
    ),
    Broken(
        guarantee="`undo latest` undoes no run that changed nothing",
        file="jobs/runs.py",
        line=" or run.standing is Standing.NOTHING",
        instead="",
        caught_by="test_runs.py::"
        "test_the_latest_run_is_the_newest_on_which_the_command_makes_sense[undo-fine]",
    ),
    Broken(
        guarantee="`retry latest` sends nothing again that an earlier retry has sent",
        file="jobs/runs.py",
        line='if command_name == "retry":',
        instead='if command_name == "never":',
        caught_by="test_runs.py::"
        "test_the_latest_run_is_the_newest_on_which_the_command_makes_sense[retry-failed]",
    ),
    Broken(
        guarantee="what a run does already is not advised where it can't be taken back",
        file="wording/decision.py",
        line="keep = () if decision.keeps_before else (Remedy(Fix.KEEP_BEFORE),)",
        instead="keep = (Remedy(Fix.KEEP_BEFORE),)",
        caught_by="test_decision.py::test_a_run_that_keeps_what_leads_were_is_not_advised_to_do_so",
    ),
    Broken(
        guarantee="no practice run is the latest",
        file="jobs/runs.py",
        line="is_here and not run.record.sandbox and",
        instead="is_here and",
        caught_by="test_runs.py::"
        "test_the_latest_run_is_the_newest_on_which_the_command_makes_sense[retry-failed]",
    ),
    Broken(
        guarantee="the latest run was begun in this folder of runs",
        file="jobs/runs.py",
        line="is_here = run.folder.resolve().parent == runs_dir.resolve()",
        instead="is_here = True",
        caught_by="test_runs.py::"
        "test_the_latest_run_is_the_newest_on_which_the_command_makes_sense[undo-fine]",
    ),
    Broken(
        guarantee="a run called latest wins over the newest",
        file="jobs/runs.py",
        line="return Path(name).is_dir() or bool(_of_name(name, known_runs(state_dir, runs_dir)))",
        instead="return Path(name).is_dir()",
        caught_by="test_past.py::test_a_folder_called_latest_wins",
    ),
    Broken(
        guarantee="without a terminal `latest` changes nothing",
        file="terminal/past.py",
        line="if changes_leads and not somebody_is_there():",
        instead="if not (changes_leads or somebody_is_there()):",
        caught_by="test_past.py::test_without_a_terminal_latest_changes_nothing[undo]",
    ),
    Broken(
        guarantee="a person's time to answer is no time at work",
        file="jobs/steps.py",
        line="    with opened.watch.paused():",
        instead="    if True:",
        caught_by="test_past.py::test_a_question_and_the_time_before_a_resume_are_no_time_at_work",
    ),
    # --- Mappings that were confirmed ---
    Broken(
        guarantee="a remembered mapping is never used without a terminal",
        file="jobs/requesting.py",
        line="options.remembered or (is_watched and not options.no_remembered)",
        instead="not options.no_remembered",
        caught_by="test_remembered.py::"
        "test_a_remembered_mapping_is_never_used_without_a_terminal_unless_asked_for",
    ),
    Broken(
        guarantee="a remembered mapping is bound to the exact headers",
        file="recording/mappings.py",
        line="if each.headers == tuple(headers)",
        instead="if set(each.headers) >= set(headers)",
        caught_by="test_remembered.py::test_it_is_bound_to_the_exact_headers",
    ),
    Broken(
        guarantee="a remembered mapping stands below what is said now",
        file="reading/table.py",
        line="                {**self.remembered, **options.columns},",
        instead="                {**options.columns, **options.remembered(grid.header)},",
        caught_by="test_remembered.py::test_what_is_said_now_stands_above_what_is_remembered",
    ),
    Broken(
        guarantee="a mapping is remembered by a yes at the question alone",
        file="jobs/steps.py",
        line="    if not asks or not ready.work.requests:",
        instead="    remember(opened.request, opened.table)\n"
        "    if not asks or not ready.work.requests:",
        caught_by="test_remembered.py::test_only_a_yes_at_the_question_is_remembered",
    ),
    Broken(
        guarantee="mappings in a file that others may write are ignored",
        file="recording/mappings.py",
        line='(read_own(state_dir / MAPPINGS_NAME) or b"")',
        instead='(p.read_bytes() if (p := state_dir / MAPPINGS_NAME).exists() else b"")',
        caught_by="test_remembered.py::test_a_file_that_others_may_write_is_ignored",
    ),
    # --- Merged cells, and slips of exporters ---
    Broken(
        guarantee="a blank id that belongs to merged cells is told as such",
        file="judging/rules.py",
        line='    message = pl.when(is_merged).then(message).otherwise("message").alias("message")',
        instead='    message = pl.when(False).then(message).otherwise("message").alias("message")',
        caught_by="test_merged.py::test_a_blank_id_of_merged_cells_names_them",
    ),
    Broken(
        guarantee="a blank id behind merged cells is a slip of its row",
        file="reading/merged.py",
        line='.filter(pl.col("line") <= pl.col("last_line"))',
        instead='.filter(pl.col("last_line") > 0)',
        caught_by="test_merged.py::test_a_blank_id_behind_merged_cells_is_a_slip_of_its_row",
    ),
    Broken(
        guarantee="quotes behind blanks are read as they are meant",
        file="reading/records.py",
        line="            record = _read_spaced(source, delimiter) or record",
        instead="            pass",
        caught_by="test_delimited.py::test_quotes_are_read_as_a_spreadsheet_program_reads_them",
    ),
    Broken(
        guarantee="so are lines that are in quotes as a whole",
        file="reading/delimited.py",
        line="            b'\"' in part and _may_have_quoted_lines(parsed, head)",
        instead="            False",
        caught_by="test_exporters.py::test_what_exporters_write_is_read_as_they_mean_it",
    ),
    Broken(
        guarantee="a quoted text that is no row is left as it is",
        file="reading/delimited.py",
        line="                or len(cells) == width\n",
        instead="                or True\n",
        caught_by="test_exporters.py::test_only_a_quoted_line_with_the_cells_of_a_row_is_one",
    ),
    Broken(
        guarantee='of ="66a1…" the text between the quotes is read',
        file="reading/table.py",
        line="            if may_be_protected and cells.select(has_protected).item():",
        instead="            if False:",
        caught_by="test_exporters.py::test_what_exporters_write_is_read_as_they_mean_it",
    ),
    Broken(
        guarantee="an end mark is no row",
        file="reading/encoding.py",
        line="    if mark < 0:",
        instead="    if True:",
        caught_by="test_exporters.py::"
        "test_what_exporters_write_is_read_as_they_mean_it[\\n-;-with_end_mark]",
    ),
    Broken(
        guarantee="a damaged letter of a UTF-8 file makes no other encoding of all of it",
        file="reading/encoding.py",
        line="    if letters and letters >= wrong:",
        instead="    if False:",
        caught_by="test_exporters.py::"
        "test_a_damaged_letter_makes_no_other_encoding_of_the_whole_file",
    ),
    Broken(
        guarantee="a file that an earlier version has read is cut into the same rows",
        file="reading/spreadsheet.py",
        line="return not self.was_accepted if self.found is None else self.found.mends",
        instead="return True",
        caught_by="test_exporters.py::test_a_file_that_an_earlier_version_has_read_is_read_as_then",
    ),
    # --- What is sent ---
    Broken(
        guarantee="rows of one lead that contradict each other are not sent",
        file="judging/leads.py",
        line="rows = rows.join(between(self.judged, rows), on=",
        instead="rows = rows.join(between(self.joined, rows), on=",
        caught_by="test_plan.py::"
        "test_different_values_of_one_field_make_all_rows_of_the_lead_a_conflict",
    ),
    Broken(
        guarantee="an address that several leads of a campaign have stands for none of them",
        file="judging/resolve.py",
        line='.agg(ids="campaign_lead_id")',
        instead='.agg(pl.col("campaign_lead_id").first(), ids="campaign_lead_id")\n'
        "        .with_columns(ids=pl.lit(None, pl.List(pl.String)))",
        caught_by="test_resolve.py::"
        "test_every_row_gets_the_only_lead_of_its_address_or_says_why_it_has_none",
    ),
    Broken(
        guarantee="a name that several workspaces have stands for none of them",
        file="judging/workspaces.py",
        line="return min(numbers) if len(numbers) == 1 else _NOBODY",
        instead="return min(numbers) if numbers else _NOBODY",
        caught_by="test_workspaces.py::test_what_names_no_workspace_is_told",
    ),
    Broken(
        guarantee="a workspace is found by its name with an emoji that is joined of several",
        file="judging/workspaces.py",
        line='visible(" ".join(text.strip(EDGES).split()))',
        instead='" ".join(text.strip(EDGES).split())',
        caught_by="test_workspaces.py::"
        "test_a_name_with_characters_that_are_not_seen_is_found_as_it_is_shown",
    ),
    Broken(
        guarantee="a lead that rows of two workspaces name is sent in neither",
        file="judging/workspaces.py",
        line='changes = is_same & (pl.col("owner") != pl.col("owner").shift())',
        instead="changes = is_same & pl.lit(False)",
        caught_by="test_workspaces.py::test_every_row_is_assigned_as_by_hand",
    ),
    Broken(
        guarantee="a row that names a workspace wrongly is not the default workspace's",
        file="judging/workspaces.py",
        line="self._default if text is None else self._number(key)",
        instead="self._default if self._number(key) == _NOBODY else self._number(key)",
        caught_by="test_workspaces.py::test_rows_that_name_no_workspace_are_the_defaults",
    ),
    Broken(
        guarantee="a blank cell of merged ones is not taken for the default workspace's",
        file="judging/workspaces.py",
        line="owners = owners.set(is_merged",
        instead="owners = owners.set(~is_merged",
        caught_by="test_workspaces.py::test_a_blank_cell_of_merged_ones_is_not_the_defaults",
    ),
    Broken(
        guarantee="a column that is called workspace is the user's own unless workspaces count",
        file="reading/layout.py",
        line="if has_workspaces or Naming.WORKSPACE in columns:",
        instead="if True:",
        caught_by="test_table.py::test_any_other_column_workspace_is_the_users_own",
    ),
    Broken(
        guarantee="where a workspace's key is is not for the settings file of a folder to say",
        file="settings/load.py",
        line="            refused = refused or one.where\n            del values[key]",
        instead="            pass",
        caught_by="test_workspace_settings.py::"
        "test_where_a_key_is_is_not_for_the_file_of_a_folder_to_say",
    ),
    Broken(
        guarantee="what a folder's settings file says of workspaces needs a yes",
        file="settings/origins.py",
        line="value=value, is_guarded=True)",
        instead="value=value, is_guarded=False)",
        caught_by="test_workspace_settings.py::"
        "test_where_a_key_is_is_not_for_the_file_of_a_folder_to_say",
    ),
    Broken(
        guarantee="of the rates of a run and of its workspace the slower holds",
        file="settings/model.py",
        line="slower = min(",
        instead="slower = max(",
        caught_by="test_workspace_settings.py::"
        "test_each_has_a_section_and_what_it_leaves_out_is_as_for_the_run",
    ),
    Broken(
        guarantee="a key that names no workspace sends nothing where it is of several",
        file="jobs/request.py",
        line="return is_open or self.is_first_workspaces",
        instead="return False",
        caught_by="test_workspace_keys.py::test_a_platform_key_needs_a_workspace_that_it_sees",
    ),
    Broken(
        guarantee="a run is gone back to with the key of the section that it was sent with",
        file="settings/credentials.py",
        line="is_own = name == loaded.run_section or",
        instead="is_own =",
        caught_by="test_workspace_keys.py::"
        "test_a_workspace_whose_key_failed_is_gone_on_with_by_its_new_key",
    ),
    Broken(
        guarantee="a mapped column with another known workspace than the key's is refused",
        file="jobs/workspaces.py",
        line="    if session.has_workspaces:\n        return\n",
        instead="    return\n",
        caught_by="test_workspace_keys.py::"
        "test_a_mapped_column_with_another_workspace_that_is_known_is_refused",
    ),
    Broken(
        guarantee="to which workspace a key goes is not for a stranger's run to say",
        file="jobs/past_run.py",
        line="run_workspace=record.workspace if is_listed or is_confirmed else None",
        instead="run_workspace=record.workspace",
        caught_by="test_workspace_keys.py::"
        "test_a_strangers_run_does_not_say_to_which_workspace_a_key_goes",
    ),
    Broken(
        guarantee="a child process gets no key, whatever its variable is called",
        file="redaction.py",
        line='or value.strip().startswith("sk_")',
        instead="",
        caught_by="test_redaction.py::test_a_process_that_needs_no_key_gets_none",
    ),
    Broken(
        guarantee="no workspace is sent to with two keys",
        file="jobs/workspaces.py",
        line="if not each.failure and other is not each:",
        instead="if False:",
        caught_by="test_targets.py::test_a_workspace_has_one_key",
    ),
    Broken(
        guarantee="a key of its own outranks a platform key",
        file="jobs/workspaces.py",
        line="        if each.id not in others\n",
        instead="        if True\n",
        caught_by="test_targets.py::"
        "test_a_platform_key_finds_all_but_those_that_have_keys_of_their_own",
    ),
    Broken(
        guarantee="every workspace whose key fails is named before anything is sent",
        file="jobs/workspaces.py",
        line="if failed and (not request",
        instead="if failed and len(failed) == 1 and (not request",
        caught_by="test_workspace_keys.py::test_all_keys_that_fail_are_told_at_once",
    ),
    Broken(
        guarantee="the sandbox's workspaces have leads of their own",
        file="sandbox/world.py",
        line="name = spelt.setdefault(lead.workspace.casefold(), lead.workspace)",
        instead='name = spelt.setdefault("", lead.workspace)',
        caught_by="test_sandbox_workspaces.py::"
        "test_each_of_several_workspaces_has_leads_of_its_own",
    ),
    Broken(
        guarantee="the sandbox's budget of a workspace is shared by all its keys",
        file="sandbox/app.py",
        line='owner = workspace.id if workspace else ""',
        instead="owner = api_key",
        caught_by="test_sandbox_workspaces.py::"
        "test_a_budget_is_a_key_s_a_workspace_s_or_everybody_s[workspace-found1]",
    ),
    Broken(
        guarantee="an id that was found before is used only while its lead has the row's address",
        file="judging/resolve.py",
        line='.when(has_own_id & (pl.col("lead_key") != pl.col("key")))',
        instead=".when(pl.lit(False))",
        caught_by="test_by_email.py::"
        "test_ids_that_were_found_are_used_as_long_as_the_address_agrees",
    ),
    Broken(
        guarantee="a run that goes on uses the ids that it had found, and asks for none again",
        file="jobs/recorded.py",
        line="        if table.is_by_email:\n            table.ids = ",
        instead="        if False:\n            table.ids = ",
        caught_by="test_by_email.py::"
        "test_a_run_that_was_killed_goes_on_without_asking_for_leads_again",
    ),
    Broken(
        guarantee="a row that was judged wrong is not sent",
        file="judging/from_cells.py",
        line="(self.leads.requests(valid(rows)) for",
        instead="(self.leads.requests(rows) for",
        caught_by="test_work.py::test_a_new_run_sends_every_valid_row",
    ),
    Broken(
        guarantee="the key goes to https or to this machine only",
        file="api/address.py",
        line='if scheme != "https" and not (scheme == "http" and is_loopback(host)):',
        instead='if scheme not in {"https", "http"}:',
        caught_by="test_address.py::test_http_to_another_machine_is_refused",
    ),
    Broken(
        guarantee="an id that could lead to another address never leaves",
        file="api/wire.py",
        line="if not _ID.fullmatch(value):",
        instead="if not _ID.match(value):",
        caught_by="test_sendkit.py::"
        "test_an_id_that_could_lead_elsewhere_never_leaves[campaign_id-a%2Fb]",
    ),
    Broken(
        guarantee="redirects are not followed",
        file="api/exchange.py",
        line="                response = await self._transport.handle_async_request(request)\n",
        instead="                response = await self._transport.handle_async_request(request)\n"
        '                if "location" in response.headers:\n'
        "                    response = await self._transport.handle_async_request(request)\n",
        caught_by="test_sendkit.py::test_a_redirect_is_never_followed",
    ),
    Broken(
        guarantee="the key is in no message",
        file="redaction.py",
        line="cleaned = self.without_plain_key(text)",
        instead="cleaned = text",
        caught_by="test_answer.py::test_no_text_of_an_answer_has_the_key",
    ),
    Broken(
        guarantee="no unseen character keeps the key from being found",
        file="redaction.py",
        line='    return _NOT_VISIBLE.sub("", text)',
        instead="    return text",
        caught_by="test_redaction.py::test_unseen_characters_between_its_letters_hide_no_key",
    ),
    Broken(
        guarantee="the key is in no traceback",
        file="jobs/outcome.py",
        line="[redactor.without_key_in_lines(text) for text in texts]",
        instead="list(texts)",
        caught_by="test_execution.py::"
        "test_an_unexpected_error_leaves_its_traceback_without_the_key",
    ),
    Broken(
        guarantee="nothing follows a canary before it was read back",
        file="jobs/canary.py",
        line="        await self._gate.wait(self._holds.wait)",
        instead="        self._holds.set()",
        caught_by="test_canary.py::test_an_update_that_does_not_stick_stops_the_run",
    ),
    Broken(
        guarantee="a canary that is no success stops the run",
        file="jobs/canary.py",
        line="if outcome.reason.result is not Result.SUCCESS:",
        instead="if outcome.reason.result is Result.UNSENT:",
        caught_by="test_canary.py::test_a_change_that_fails_stops_the_run_without_a_look_back",
    ),
    # --- What leads are now ---
    Broken(
        guarantee="a plan sends nothing",
        file="jobs/plan.py",
        line="        return keep_plan(ready, diff)\n",
        instead="        from batch.jobs.steps import send\n"
        "        send(frontend, ready)\n"
        "        return keep_plan(ready, diff)\n",
        caught_by="test_planning.py::"
        "test_a_plan_tells_what_would_become_of_every_row_and_sends_nothing",
    ),
    Broken(
        guarantee="run does not go on with a plan",
        file="jobs/unfinished.py",
        line="record.undo_of is None and not record.is_planned",
        instead="record.undo_of is None",
        caught_by="test_planning.py::test_run_does_not_go_on_with_a_plan_and_resume_names_apply",
    ),
    Broken(
        guarantee="a lead that has drifted since the plan was made is left out",
        file="judging/diff.py",
        line="verdict = drifted.otherwise(verdict)",
        instead="del drifted",
        caught_by="test_planning.py::test_leads_that_drifted_are_judged_again_and_left_out",
    ),
    Broken(
        guarantee="a retry of a plan leaves drifted leads out, too",
        file="jobs/retry.py",
        line="            baseline=own.baseline,\n",
        instead="",
        caught_by="test_planning.py::test_a_retry_of_a_plan_leaves_drifted_leads_out_too",
    ),
    Broken(
        guarantee="what an earlier process has read of the leads is no ground to send by",
        file="jobs/reopening.py",
        line="        clear_partial_files(folder)  # what",
        instead="        # what",
        caught_by="test_planning.py::test_what_an_apply_read_that_was_not_confirmed_is_read_anew",
    ),
    Broken(
        guarantee="a plan is not applied in another workspace",
        file="jobs/reopening.py",
        line="        check_workspace(self.record, preflight)\n",
        instead="",
        caught_by="test_planning.py::test_a_plan_is_bound_to_its_age_its_input_and_its_workspace",
    ),
    Broken(
        guarantee="a plan is not applied when it is too old",
        file="jobs/plan.py",
        line="record.state is RunState.PLANNED and age > timedelta(seconds=plan_age_s)",
        instead="age < timedelta()",
        caught_by="test_planning.py::test_a_plan_is_bound_to_its_age_its_input_and_its_workspace",
    ),
    Broken(
        guarantee="what was read too long ago leaves no row out",
        file="judging/diff.py",
        line='.when(STATUS_HOLDS & TAG_HOLDS & (pl.col("read_at_ms") >= known.oldest_ms))',
        instead=".when(STATUS_HOLDS & TAG_HOLDS)",
        caught_by="test_diff.py::test_what_was_read_too_long_ago_leaves_nothing_out",
    ),
    Broken(
        guarantee="an undo leaves what was changed since as it is",
        file="jobs/undo.py",
        line="opened=replace(opened, baseline=found.reverse.baseline),",
        instead="opened=opened,",
        caught_by="test_undoing.py::test_what_was_changed_since_is_left_as_it_is",
    ),
    Broken(
        guarantee="what a lead was is on the disk before its request may leave",
        file="judging/planned.py",
        line="rows = _over(_with_read(rows, preview), left_out)",
        instead="rows = _over(rows, left_out)",
        caught_by="test_undoing.py::test_what_a_killed_run_has_changed_is_taken_back",
    ),
    # --- Pace ---
    Broken(
        guarantee="a budget is not spent while it may last a thousand times as long as it seems",
        file="sending/pace/pacer.py",
        line="most = START_PER_S if now < self._open_until else inf",
        instead="most = inf",
        caught_by="test_pacer.py::"
        "test_while_a_reset_may_be_milliseconds_no_more_than_5_a_second_leave",
    ),
    Broken(
        guarantee="a rate does not grow while a budget's unit is not known",
        file="sending/pace/pacer.py",
        line="is_used = self._is_used and now >= self._open_until",
        instead="is_used = self._is_used",
        caught_by="test_pacer.py::test_a_rate_does_not_grow_while_a_reset_may_be_milliseconds",
    ),
    Broken(
        guarantee="a forecast rests on no budget whose unit is not known",
        file="api/sendkit.py",
        line="return tuple(budget for budget in self._budgets if budget.is_unit_known)",
        instead="return self._budgets",
        caught_by="test_sendkit.py::"
        "test_budgets_of_an_unknown_unit_are_marked_and_not_the_client_s",
    ),
    Broken(
        guarantee="the end of a long window that is used up is not waited for unasked",
        file="sending/stops.py",
        line="if spent_s <= self._limits.max_wait_s:",
        instead="if True:",
        caught_by="test_stops.py::test_a_budget_that_is_used_up_for_too_long_stops_the_job",
    ),
    Broken(
        guarantee="a long hold-back that was asked for before the run is not waited for",
        file="jobs/engine.py",
        line="                self._stop(held)\n",
        instead="                pass\n",
        caught_by="test_sending.py::"
        "test_a_hold_back_from_before_the_run_that_is_too_long_is_not_waited_for",
    ),
    Broken(
        guarantee="only who is asked, and says yes, waits for a long window",
        file="jobs/steps.py",
        line="    return ready.waiting() if ready.window else ready\n",
        instead="    return ready\n",
        caught_by="test_opening.py::test_who_says_yes_to_a_question_that_names_a_long_wait_waits",
    ),
    Broken(
        guarantee="a budget that covers what is still to come does not slow it",
        file="sending/pace/quotas.py",
        line="            return max(even, own_per_s)\n",
        instead="            return even\n",
        caught_by="test_fits.py::test_what_fits_is_not_stretched_over_a_day[x-iso-fixed]",
    ),
    Broken(
        guarantee="the headroom of a budget is left to others where nothing is spread",
        file="sending/pace/quota.py",
        line="requests <= left - round((1 - self._share) * self.limit, 6)",
        instead="requests <= left",
        caught_by="test_fits.py::test_what_does_not_fit_is_sent_at_once_where_nobody_waits",
    ),
    Broken(
        guarantee="a remembered pace of a long window does not slow what fits",
        file="sending/pace/pacer.py",
        line="if not self._quotas and self._search.is_slow_unasked:",
        instead="if False:",
        caught_by="test_fits.py::test_a_remembered_even_pace_of_a_day_does_not_slow_what_fits",
    ),
    Broken(
        guarantee="a share of the server's budget is left to others",
        file="sending/pace/quota.py",
        line="else self._share * self.limit / self.window_s",
        instead="else self.limit / self.window_s",
        caught_by="test_quota.py::test_a_named_window_tells_the_even_pace_at_once",
    ),
    Broken(
        guarantee="a single refusal does not lower the pace",
        file="sending/pace/search.py",
        line="if not (has_come_back or self._is_at_limit):",
        instead="if False:",
        caught_by="test_search.py::test_a_single_refusal_changes_nothing",
    ),
    Broken(
        guarantee="a refill is measured by what was served from one refusal to the next",
        file="sending/pace/search.py",
        line="admits = sqrt(admits * min(admits, mean_per_s))",
        instead="pass",
        caught_by="test_search.py::test_after_a_limit_a_second_passes_before_more_is_wanted",
    ),
    Broken(
        guarantee="after a first limit requests find out one by one what is served",
        file="sending/pace/pacer.py",
        line="self._alone = ALONE_AT_GUESS if self._search.is_guess else 1",
        instead="self._alone = 1",
        caught_by="test_pacer.py::test_after_a_first_limit_ten_requests_leave_one_by_one",
    ),
    Broken(
        guarantee="where much was refused a limit is passed in small steps",
        file="sending/pace/search.py",
        line="is_quick = self._is_unsure and not (is_above and is_costly)",
        instead="is_quick = self._is_unsure",
        caught_by="test_search.py::test_where_much_was_refused_a_limit_is_passed_in_small_steps",
    ),
    Broken(
        guarantee="refusals that come regularly are a limit, however rare",
        file="sending/pace/evidence.py",
        line="return self._alike >= ALIKE_TIMES",
        instead="return False",
        caught_by="test_evidence.py::"
        "test_rare_refusals_are_believed_only_if_they_come_as_regularly_as_a_limit",
    ),
    Broken(
        guarantee="a wait in which requests are served tells no window",
        file="sending/pace/search.py",
        line="self._is_disproved, self._evidence.wait_s = True, 0.0",
        instead="pass",
        caught_by="test_search.py::test_a_wait_tells_no_window_if_what_left_in_it_is_served",
    ),
    Broken(
        guarantee="the time of a hold-back is no growth",
        file="sending/pace/search.py",
        line="self._grown_at = None if is_held else now",
        instead="self._grown_at = now",
        caught_by="test_search.py::test_an_answer_that_comes_in_a_hold_back_begins_no_growth",
    ),
    Broken(
        guarantee="a single refusal does not slow what headers allow",
        file="sending/pace/quotas.py",
        line="if self._evidence.report_refusal(0.0, is_limit_known=False):",
        instead="if True:",
        caught_by="test_pacer.py::test_a_single_refusal_does_not_trim_what_headers_allow",
    ),
    Broken(
        guarantee="what is remembered is the pace that went through",
        file="sending/pace/search.py",
        line="return max(went_per_s, self._good_per_s or 0.0)",
        instead="return self._good_per_s",
        caught_by="test_search.py::test_without_a_limit_what_went_through_is_remembered",
    ),
    Broken(
        guarantee="what goes through once a limit was found is remembered, too",
        file="sending/pace/search.py",
        line="if self._cycle is None or self._cycle.admitted < GOOD_AFTER:",
        instead="if self._limits or self._cycle is None or self._cycle.admitted < GOOD_AFTER:",
        caught_by="test_search.py::test_what_goes_through_since_a_limit_is_remembered",
    ),
    Broken(
        guarantee="a wait that no bucket asks for is no time in which one fills",
        file="sending/pace/search.py",
        line="is_bucket = not is_disproved and self._asked_s - ROUNDING_S <= refill_s",
        instead="is_bucket = not is_disproved",
        caught_by="test_search.py::"
        "test_a_wait_that_no_bucket_asks_for_is_no_time_in_which_it_fills",
    ),
    Broken(
        guarantee="a wait that has told a limit does not tell the next one, too",
        file="sending/pace/search.py",
        line="if self._is_measured:  # by the wait, which is over when the next cycle begins",
        instead="if False:",
        caught_by="test_search.py::"
        "test_a_window_that_a_wait_has_told_is_over_before_the_next_is_measured",
    ),
    Broken(
        guarantee="a forecast is never less than the workers reach",
        file="jobs/known_pace.py",
        line="if self.latency_s and settings.pace.concurrency / self.latency_s < per_s:",
        instead="if False:",
        caught_by="test_known_pace.py::"
        "test_a_forecast_says_what_it_rests_on_and_is_no_more_than_workers_reach",
    ),
    Broken(
        guarantee="a forecast under way is never less than the workers reach",
        file="sending/gate.py",
        line="allowed = min(allowed, workers / self.latency_s)",
        instead="pass",
        caught_by="test_forecast.py::test_after_a_tenth_the_forecast_is_within_20_percent",
    ),
    Broken(
        guarantee="a forecast says what it rests on",
        file="wording/decision.py",
        line='said = f" {basis}" if basis and forecast_s > 1 else ""',
        instead='said = ""',
        caught_by="test_decision.py::test_a_forecast_says_what_it_rests_on",
    ),
    Broken(
        guarantee="what is on its way counts as used up",
        file="sending/pace/quota.py",
        line="if self._low - in_flight <= 0:",
        instead="if self._low <= 0:",
        caught_by="test_quota.py::test_a_window_that_is_used_up_is_waited_for",
    ),
    Broken(
        guarantee="of several budgets the tightest counts",
        file="sending/pace/quotas.py",
        line="return min(self._all.values(), key=lambda quota: quota.even_per_s)",
        instead="return max(self._all.values(), key=lambda quota: quota.even_per_s)",
        caught_by="test_pacer.py::test_of_several_budgets_the_tightest_counts_and_is_shown",
    ),
    Broken(
        guarantee="a set rate is an upper bound",
        file="sending/pace/pacer.py",
        line="return allowed if self._set_per_s is None else min(allowed, self._set_per_s)",
        instead="return allowed",
        caught_by="test_pacer.py::test_headers_lower_a_set_rate_but_never_raise_it",
    ),
    Broken(
        guarantee="a run is not begun at the even pace of a day's window",
        file="jobs/known_pace.py",
        line="if learnt.good_per_s is not None and not _is_even_pace_of_long_window(learnt):",
        instead="if learnt.good_per_s is not None:",
        caught_by="test_known_pace.py::test_the_even_pace_of_a_long_window_is_not_remembered",
    ),
    Broken(
        guarantee="a header of an address and a value is not taken for a title",
        file="reading/header.py",
        line="looks_like_one = Naming.EMAIL in propose({})",
        instead="pass",
        caught_by="test_proposals.py::test_two_columns_with_addresses_are_no_title",
    ),
    Broken(
        guarantee="of a practice server's pace nothing is remembered",
        file="jobs/known_pace.py",
        line="workspace_id is None or request.session.sandbox:",
        instead="workspace_id is None:",
        caught_by="test_known_pace.py::test_practice_remembers_nothing_and_knows_nothing",
    ),
    Broken(
        guarantee="no more tags change than a script expects",
        file="judging/guardrails.py",
        line="if expected is None or expected.least <= effect.tag_changes <= expected.most:",
        instead="if expected is None or expected.least <= effect.tag_changes:",
        caught_by="test_guardrails.py::test_another_number_of_tag_changes_than_was_expected_is_refused",
    ),
    Broken(
        guarantee="every attempt passes the pacer, retries too",
        file="sending/attempts.py",
        line="        probe = await self._take_turn(change, tries)\n",
        instead="        probe = tries.attempts == 0 and await self._take_turn(change, tries)\n",
        caught_by="test_runner.py::test_the_rate_holds_for_attempts_not_rows",
    ),
    Broken(
        guarantee="Retry-After is never shortened",
        file="api/headers.py",
        line="return max(known)",
        instead="return min(known)",
        caught_by="test_headers.py::test_retry_after_is_whole_seconds_or_an_http_date",
    ),
    Broken(
        guarantee="a Retry-After date is measured from the server's own clock",
        file="api/headers.py",
        line='since = read_http_date(headers.get("date", "")) or now',
        instead="since = now",
        caught_by="test_headers.py::"
        "test_retry_after_is_not_shortened_by_a_clock_of_ours_that_runs_ahead",
    ),
    Broken(
        guarantee="a budget's reset as a Unix time is measured by the server's own clock",
        file="api/sendkit.py",
        line='self._server_clock.observe(reply.headers.get("date", ""))',
        instead="pass",
        caught_by="test_sendkit.py::"
        "test_a_reset_as_a_unix_time_is_measured_by_the_clock_of_the_server",
    ),
    Broken(
        guarantee="a 429 holds back every worker",
        file="sending/gate.py",
        line="        if is_hold(answer):\n",
        instead="        if answer.http_status is None:\n",
        caught_by="test_runner.py::test_retry_after_pauses_every_worker",
    ),
    Broken(
        guarantee="a Retry-After on a retried answer holds back, whatever its status",
        file="sending/retry.py",
        line="return may_pass(answer.http_status) and answer.retry_after_s is not None",
        instead="return False",
        caught_by="test_runner.py::test_a_retry_after_holds_back_with_each_status_that_is_retried",
    ),
    Broken(
        guarantee="a Retry-After on a served answer is no order",
        file="api/answer.py",
        line="if not (may_pass(reply.http_status) or reason is Reason.RATE_LIMITED):",
        instead="if not reply.http_status:",
        caught_by="test_answer.py::test_retry_after_counts_where_the_answer_is_tried_again",
    ),
    Broken(
        guarantee="a wait that only the body names is kept",
        file="api/answer.py",
        line='for place in (document, _object_at(document, "error")):',
        instead="for place in ():",
        caught_by="test_answer.py::test_a_body_may_tell_how_long_to_wait",
    ),
    Broken(
        guarantee="a refusal for the pace that comes as a 200 costs its row no attempt",
        file="sending/retry.py",
        line="if answer.reason is Reason.RATE_LIMITED:",
        instead="if answer.http_status == 429:",
        caught_by="test_runner.py::test_a_refusal_in_a_200_costs_a_row_no_attempt",
    ),
    Broken(
        guarantee="only a code makes a refusal for the pace of a 200, no sentence",
        file="api/answer.py",
        line="_plain(str(code)) in _PACE_CODES",
        instead="_plain(str(code))[:11] in _PACE_CODES",
        caught_by="test_answer.py::"
        "test_nothing_less_than_a_code_says_that_there_were_too_many_requests",
    ),
    Broken(
        guarantee="a remaining of less than nothing is nothing",
        file="api/budgets.py",
        line="remaining=max(0, int(raw.remaining)),",
        instead="remaining=abs(int(raw.remaining)),",
        caught_by="test_budgets.py::test_three_headers_are_read_and_what_is_no_number_is_left_out",
    ),
    Broken(
        guarantee="a date without a zone is no reset: it may be hours away",
        file="api/headers.py",
        line="if moment is None or moment.tzinfo is None:",
        instead="if moment is None:",
        caught_by="test_budgets.py::test_a_date_without_a_day_or_a_zone_is_no_reset",
    ),
    Broken(
        guarantee="resets in milliseconds are told from seconds",
        file="api/reset_units.py",
        line="told.falls = told.falls + 1 if is_fall else 0",
        instead="told.falls = 0",
        caught_by="test_reset_units.py::"
        "test_what_falls_a_thousand_times_as_fast_as_time_is_milliseconds",
    ),
    Broken(
        guarantee="two seconds told in Unix seconds rounded down are not taken for one",
        file="sending/pace/quota.py",
        line="if counts_s > self.window_s + COUNTED_BY:",
        instead="if counts_s > self.window_s + 10 * COUNTED_BY:",
        caught_by="test_header_worlds.py::"
        "test_two_seconds_told_in_whole_seconds_are_kept_however_they_are_rounded",
    ),
    Broken(
        guarantee="of a minute's and an hour's window told together the tighter counts",
        file="api/budgets.py",
        line='label = prefix if nth == 1 else f"{prefix} {nth}"',
        instead="label = prefix",
        caught_by="test_header_worlds.py::test_of_two_windows_told_together_the_tighter_counts",
    ),
    Broken(
        guarantee="what only gateways answer is tried again",
        file="statuses.py",
        line="if 500 <= http_status <= 599:",
        instead="if 500 <= http_status <= 519:",
        caught_by="test_runner.py::test_an_outage_that_a_gateway_tells_costs_no_row_its_outcome",
    ),
    Broken(
        guarantee="a run held back for longer than is waited for stops",
        file="sending/stops.py",
        line="if held_s <= self._limits.max_wait_s:",
        instead="if held_s <= 2 * self._limits.max_wait_s:",
        caught_by="test_stops.py::test_a_hold_back_longer_than_the_limit_stops",
    ),
    Broken(
        guarantee="pace is kept by a clock that never jumps",
        file="sending/gate.py",
        line="self._pacer.wait_s(self.now())",
        instead='self._pacer.wait_s(__import__("time").time())',
        caught_by="test_promises.py::"
        "test_a_wall_clock_that_jumps_changes_neither_pace_nor_hold_backs",
    ),
    # --- One pace for several runs ---
    Broken(
        guarantee="runs of one workspace keep to one pace",
        file="jobs/known_pace.py",
        line="    if request.session.sandbox or not CAN_MEET:\n        return None\n    budget",
        instead="    if request:\n        return None\n    budget",
        caught_by="test_one_pace.py::test_three_runs_keep_to_one_pace",
    ),
    Broken(
        guarantee="runs that share a pace are given turns in order, at the pace of one",
        file="sending/leading.py",
        line="            await self.give(lambda: False)\n",
        instead="",
        caught_by="test_shared_pace.py::test_runs_of_one_budget_take_turns",
    ),
    Broken(
        guarantee="a run that is alone takes no turn from elsewhere",
        file="sending/shared_pace.py",
        line="        self.is_shared = self._part is not Part.ALONE and not is_alone",
        instead="        self.is_shared = True",
        caught_by="test_shared_pace.py::test_runs_of_one_budget_take_turns",
    ),
    Broken(
        guarantee="no leader makes a run faster than its own rate",
        file="sending/shared_pace.py",
        line="        while (wait_s := self._own_at - self._now()) > 0:",
        instead="        while (wait_s := 0 * self._own_at) > 0:",
        caught_by="test_shared_pace.py::test_a_leader_that_gives_a_thousand_turns_makes_nobody_faster",
    ),
    Broken(
        guarantee="a leader's own rate is kept among others",
        file="sending/shared_pace.py",
        line="            self._own_at = spacing_s + (",
        instead="            self._own_at = 0 * spacing_s + (",
        caught_by="test_shared_pace.py::test_none_is_faster_than_its_own_rate_whoever_leads",
    ),
    Broken(
        guarantee="a hold-back that one run hears holds all that share its pace",
        file="sending/gate.py",
        line="                self._shared.tell_hold(hold, answer, sent_at=sent_at)",
        instead="                pass",
        caught_by="test_shared_pace.py::test_a_hold_that_one_run_hears_holds_all",
    ),
    Broken(
        guarantee="what a follower says reaches the other followers",
        file="sending/leading.py",
        line="                self.tell(said, but=member.writer)",
        instead="                pass",
        caught_by="test_shared_pace.py::test_a_hold_that_one_run_hears_holds_all",
    ),
    Broken(
        guarantee="what one run sees of the budget all know that share it",
        file="sending/gate.py",
        line="                self._shared.tell_seen(answer, sent_at=started)",
        instead="                pass",
        caught_by="test_shared_pace.py::test_what_one_run_learns_all_know",
    ),
    Broken(
        guarantee="a leader that ends lets another lead",
        file="sending/shared_pace.py",
        line="            self._meeting.leave()  # before",
        instead="            # before",
        caught_by="test_shared_pace.py::test_the_next_run_leads_when_the_first_ends_without_a_burst[False]",
    ),
    Broken(
        guarantee="a new leader gives no turn while requests of the last are on their way",
        file="sending/shared_pace.py",
        line="        self._taken_over_at = now + TAKEN_OVER_S",
        instead="        self._taken_over_at = now",
        caught_by="test_shared_pace.py::test_the_next_run_leads_when_the_first_ends_without_a_burst[True]",
    ),
    Broken(
        guarantee="requests of a killed leader count as used",
        file="sending/shared_pace.py",
        line="        self._ghosts = last.in_flight",
        instead="        self._ghosts = 0",
        caught_by="test_shared_pace.py::test_requests_of_a_leader_that_was_killed_count_as_used",
    ),
    Broken(
        guarantee="who leads next searches on from where the last was",
        file="sending/shared_pace.py",
        line="        self._pacer.keep_to(Found(**dict(state.found)))",
        instead="",
        caught_by="test_shared_pace.py::test_who_leads_next_searches_on_where_the_last_was",
    ),
    Broken(
        guarantee="while the leader hangs, a run goes on at its share alone",
        file="sending/shared_pace.py",
        line="self._state.rate_per_s / self._state.runs",
        instead="self._state.rate_per_s / 1",
        caught_by="test_shared_pace.py::test_a_run_goes_on_at_its_share_while_the_leader_is_stopped",
    ),
    Broken(
        guarantee="a leader that hangs is waited for two seconds",
        file="sending/leading.py",
        line="SILENT_S = 2.0",
        instead="SILENT_S = 200.0",
        caught_by="test_shared_pace.py::test_a_run_goes_on_at_its_share_while_the_leader_is_stopped",
    ),
    Broken(
        guarantee="of several headrooms the largest counts for all that share a pace",
        file="sending/leading.py",
        line="        return max([self._me.headroom",
        instead="        return min([self._me.headroom",
        caught_by="test_shared_pace.py::test_the_larger_headroom_counts_for_all",
    ),
    Broken(
        guarantee="a turn that nobody wants any more is given back",
        file="sending/shared_pace.py",
        line="        self.tell_end()  # nobody wants it any more",
        instead="",
        caught_by="test_shared_pace.py::test_a_turn_that_nobody_wants_any_more_is_given_back",
    ),
    Broken(
        guarantee="who says over the socket what it may not is heard no more",
        file="sending/leading.py",
        line="            case Hello() | Turn() | State():\n"
        '                raise ValueError("not its part")',
        instead="            case Hello() | Turn() | State():\n                pass",
        caught_by="test_shared_pace.py::"
        "test_who_says_what_it_may_not_is_left_and_disturbs_nobody[another's part]",
    ),
    Broken(
        guarantee="a process with another clock shares no pace",
        file="sending/leading.py",
        line=" or abs(hello.now - self._now()) > CLOCKS_DIFFER_S",
        instead="",
        caught_by="test_shared_pace.py::"
        "test_who_says_what_it_may_not_is_left_and_disturbs_nobody[another clock]",
    ),
    Broken(
        guarantee="only processes of this user are heard over the socket",
        file="sending/leading.py",
        line="            if not is_ours(writer) or len",
        instead="            if len",
        caught_by="test_shared_pace.py::test_another_users_process_is_not_served",
    ),
    Broken(
        guarantee="the socket is for this user alone",
        file="recording/meeting.py",
        line="                path.chmod(0o600)\n",
        instead="",
        caught_by="test_meeting.py::test_the_socket_is_this_users_alone_and_tells_nothing",
    ),
    Broken(
        guarantee="a socket lies in a folder that nobody else can enter",
        file="recording/meeting.py",
        line=" and not stat.S_IMODE(found.st_mode) & 0o077",
        instead="",
        caught_by="test_meeting.py::"
        "test_a_folder_that_is_not_ours_alone_is_not_used[open to others]",
    ),
    Broken(
        guarantee="runs of other workspaces have a pace of their own",
        file="recording/meeting.py",
        line='\\n{owner}"',
        instead='"',
        caught_by="test_meeting.py::test_another_budget_has_another_place[workspace]",
    ),
    Broken(
        guarantee="two versions of the program say nothing to each other",
        file="recording/meeting.py",
        line='f"pace {__version__}\\n',
        instead='f"pace\\n',
        caught_by="test_meeting.py::test_another_version_of_the_program_meets_elsewhere",
    ),
    Broken(
        guarantee="where the socket is counts only if nobody else could have written it",
        file="recording/meeting.py",
        line="read_own(self.address)",
        instead="self.address.read_bytes()",
        caught_by="test_meeting.py::test_an_address_that_others_could_have_written_is_not_followed",
    ),
    Broken(
        guarantee="a turn that comes late does not crowd later ones",
        file="sending/shared_pace.py",
        line="        self._has_dropped = is_late and not self._has_dropped",
        instead="        self._has_dropped = False",
        caught_by="test_shared_pace.py::test_a_turn_that_comes_late_is_let_go_but_not_two_in_a_row",
    ),
    Broken(
        guarantee="leads are read at the pace that runs of a workspace share",
        file="jobs/paging.py",
        line="        if self._beside:\n            yield",
        instead="        if True:\n            yield",
        caught_by="test_one_pace.py::test_leads_are_read_at_the_same_pace",
    ),
    Broken(
        guarantee="a run that was told to be slow makes no other one slow",
        file="sending/pace/pacer.py",
        line="self._search.rate_per_s = max(self._search.rate_per_s, self._set_per_s)",
        instead="self._search = Search(self._set_per_s)",
        caught_by="test_pacer.py::test_once_no_rate_is_set_the_one_that_was_is_no_limit[6.0-6.0]",
    ),
    Broken(
        guarantee="who is turned away by the run that leads does not wait for it for ever",
        file="sending/shared_pace.py",
        line="        is_taken = False\n",
        instead="        is_taken = True\n",
        caught_by="test_shared_pace.py::test_who_is_not_taken_goes_on_by_itself",
    ),
    Broken(
        guarantee="who leaves a shared pace has its own bounds again",
        file="sending/shared_pace.py",
        line="        self._pacer.set_bounds(self._me.rate_per_s, headroom=self._me.headroom)\n",
        instead="",
        caught_by="test_shared_pace.py::test_who_leaves_has_its_own_bounds_again",
    ),
    Broken(
        guarantee="a budget that does not cover what all runs have to come is spread",
        file="sending/leading.py",
        line="sum(each.to_come for each in self._members)",
        instead="0.0",
        caught_by="test_shared_pace.py::test_a_budget_must_cover_what_all_have_to_come",
    ),
    Broken(
        guarantee="a run that rests sends nothing, though its turn comes",
        file="sending/shared_pace.py",
        line="                return is_given and not is_off()",
        instead="                return is_given",
        caught_by="test_shared_pace.py::test_who_rests_sends_nothing_though_its_turn_comes",
    ),
    Broken(
        guarantee="that a pace is shared is logged once, and not for each run that comes",
        file="terminal/screen.py",
        line="told := part if part is Part.LEADS else line",
        instead="told := line",
        caught_by="test_screen.py::test_with_whom_the_pace_is_shared_is_told_once",
    ),
    Broken(
        guarantee="the page says with whom a run shares its pace",
        file="web/live.py",
        line=", sharing_line(moment.sharing)",
        instead="",
        caught_by="test_web_live.py::test_the_page_says_with_whom_the_pace_is_shared",
    ),
    # --- Progress ---
    Broken(
        guarantee="the bar counts what is sent, and not what was decided before",
        file="jobs/engine.py",
        line="            return SendStep.SENDING, done, self._work.requests\n",
        instead="            return SendStep.SENDING, done, self._rows\n",
        caught_by="test_sending.py::test_progress_counts_what_is_sent_each_change_once",
    ),
    Broken(
        guarantee="progress of a resumed run is of what is left",
        file="jobs/engine.py",
        line="        work, sent, pace = self._work, progress.changes, progress.pace",
        instead="        work, sent, pace = self._work, progress.changes + self._work.before, "
        "progress.pace",
        caught_by="test_sending.py::test_progress_of_a_resumed_run_is_of_what_is_left",
    ),
    Broken(
        guarantee="reading the canary back is a step of its own",
        file="jobs/engine.py",
        line="        if canary.is_sent:\n",
        instead="        if False:\n",
        caught_by="test_sending.py::test_a_canary_and_reading_it_back_are_steps_of_their_own",
    ),
    Broken(
        guarantee="a wait says until when",
        file="wording/progress.py",
        line='at = f", {clock_time(in_s, now=now)}" if now else ""',
        instead='at = ""',
        caught_by="test_web_live.py::test_what_keeps_a_run_is_told",
    ),
    # --- The first minutes ---
    Broken(
        guarantee="a Python that is too old is told so before anything is loaded",
        file="__init__.py",
        line="if sys.version_info < (3, 11):",
        instead="if sys.version_info < (3, 0):",
        caught_by="test_cli.py::test_a_python_that_is_too_old_is_named_in_one_sentence",
    ),
    Broken(
        guarantee="the demo goes on with the run that it stops",
        file="terminal/demo.py",
        line="        if guide.has_stopped:\n",
        instead="        if False:\n",
        caught_by="test_demo.py::test_the_demo_ends_well_with_an_answer_for_every_row",
    ),
    Broken(
        guarantee="a demo that goes as it is meant to ends with 0, wrong row and all",
        file="terminal/demo.py",
        line="    return 0 if is_as_meant and outcome.tally[Reason.BAD_STATUS] == 1 else exit_code",
        instead="    return exit_code if is_as_meant else exit_code",
        caught_by="test_demo.py::test_the_demo_ends_well_with_an_answer_for_every_row",
    ),
    # --- The day's own quota ---
    Broken(
        guarantee="requests of every kind count for the daily quota",
        file="api/exchange.py",
        line="while meter is not None and not meter.take():",
        instead='while meter is not None and method == "PATCH" and not meter.take():',
        caught_by="test_quota_of_a_day.py::test_reading_counts_and_stops_at_the_quota_too",
    ),
    Broken(
        guarantee="requests are counted on disk before they leave",
        file="recording/daily_quota.py",
        line="counts[self._slot] += block",
        instead="counts[self._slot] += 0",
        caught_by="test_daily_quota.py::test_a_request_is_counted_on_disk_before_it_leaves",
    ),
    Broken(
        guarantee="processes count one after another",
        file="recording/daily_quota.py",
        line='with FileLock(self._folder / "lock",',
        instead='with FileLock(self._folder / f"lock{id(self)}",',
        caught_by="test_daily_quota.py::test_several_processes_share_one_quota",
    ),
    Broken(
        guarantee="what was reserved of a daily quota and not used goes back",
        file="recording/daily_quota.py",
        line="if self._left > 0 and self._is_counting:",
        instead="if self._left > 1000:",
        caught_by="test_daily_quota.py::test_what_was_reserved_and_not_used_goes_back_at_the_end",
    ),
    Broken(
        guarantee="what was reserved yesterday is not used today",
        file="recording/daily_quota.py",
        line="if self._left <= 0 or self._clock() >= self._expires_at:\n            return False",
        instead="if self._left <= 0:\n            return False",
        caught_by="test_daily_quota.py::test_a_block_of_yesterday_is_not_used_today",
    ),
    Broken(
        guarantee="a clock that is set back gives no second daily quota, and blocks none for long",
        file="recording/daily_quota.py",
        line="for slot in [slot for slot in counts if slot > now_slot]:",
        instead="for slot in [slot for slot in counts if slot < 0]:",
        caught_by="test_daily_quota.py::"
        "test_a_clock_that_was_ahead_for_years_blocks_nothing_for_long",
    ),
    Broken(
        guarantee="a day is that of the time zone which is set",
        file="recording/daily_quota.py",
        line="datetime.fromtimestamp(now, zone or UTC).astimezone(zone).date()",
        instead="datetime.fromtimestamp(now, UTC).date()",
        caught_by="test_daily_quota.py::test_a_day_is_that_of_its_time_zone",
    ),
    Broken(
        guarantee="keys of one workspace share its daily quota",
        file="recording/daily_quota.py",
        line='self._write(by_key, {"counted_as": name})',
        instead="self._read(by_key)",
        caught_by="test_daily_quota.py::"
        "test_keys_of_one_workspace_share_its_quota_once_it_is_known",
    ),
    Broken(
        guarantee="practice neither counts for the daily quota nor obeys it",
        file="jobs/opening.py",
        line="        if session.sandbox:\n            return None\n        quota",
        instead="        if session.out is session:\n            return None\n        quota",
        caught_by="test_quota_of_a_day.py::test_practice_neither_counts_nor_obeys",
    ),
    Broken(
        guarantee="a run that the daily quota stops says when it can go on",
        file="sending/stops.py",
        line="go_on_at=error.go_on_at",
        instead="go_on_at=None",
        caught_by="test_quota_of_a_day.py::"
        "test_what_does_not_fit_is_unsent_and_resume_goes_on_the_next_day",
    ),
    Broken(
        guarantee="a daily quota holds for runs that began before it was set",
        file="jobs/past_run.py",
        line="daily = min(here.daily, pace.daily or here.daily)",
        instead="daily = pace.daily",
        caught_by="test_quota_of_a_day.py::"
        "test_a_quota_that_is_set_later_holds_for_earlier_runs_too",
    ),
    Broken(
        guarantee="a file that may be anybody's moves no day of a daily quota without a yes",
        file="settings/origins.py",
        line='("pace", "time_zone"): lambda _, own: own.pace.daily > 0,',
        instead='("pace", "time_zone"): lambda _, own: own.pace.daily > 10**9,',
        caught_by="test_requesting.py::"
        "test_a_file_that_may_be_anybodys_lifts_no_daily_quota_without_a_yes",
    ),
    Broken(
        guarantee="the question names what is left of a daily quota",
        file="jobs/ready.py",
        line="*about_quota(opened.quota_left(preflight), requests),",
        instead="*about_quota(None, requests),",
        caught_by="test_web_settings.py::test_a_daily_quota_is_taken_and_told_before_sending",
    ),
    Broken(
        guarantee="a request that no connection was made for does not count",
        file="api/exchange.py",
        line="                    meter.give_back()\n",
        instead="                    pass\n",
        caught_by="test_sendkit.py::test_every_request_is_metered_before_it_leaves",
    ),
    # --- Retries, stops, outages ---
    Broken(
        guarantee="a row whose answer was lost is sent again",
        file="sending/retry.py",
        line="FAULTS = frozenset({Reason.NOT_CONNECTED, Reason.NO_ANSWER})",
        instead="FAULTS = frozenset({Reason.NOT_CONNECTED})",
        caught_by="test_retry_table.py::test_each_fault_is_tried_again_within_the_limits",
    ),
    Broken(
        guarantee="a row's message tells of an answer that was lost",
        file="sending/retry.py",
        line="if self.lost is not None and self.last is not self.lost:",
        instead="if self.lost is not None and self.last is self.lost:",
        caught_by="test_retry_table.py::test_each_fault_is_tried_again_within_the_limits",
    ),
    Broken(
        guarantee="statuses that will not change are not tried again",
        file="statuses.py",
        line="frozenset({501, 505, 506, 508, 510, 511})",
        instead="frozenset({505, 506, 508, 510, 511})",
        caught_by="test_retry_table.py::test_each_answer_makes_of_its_row_what_the_contract_says",
    ),
    Broken(
        guarantee="a row is tried as often as is set, and no more",
        file="sending/retry.py",
        line="if tries.counted >= policy.max_attempts:",
        instead="if tries.counted > policy.max_attempts:",
        caught_by="test_runner.py::test_a_row_is_tried_five_times_and_then_given_up",
    ),
    Broken(
        guarantee="being held back costs a row no attempt",
        file="sending/retry.py",
        line="            self.holds += 1\n            return",
        instead="            self.holds += 1",
        caught_by="test_retry.py::test_hold_backs_cost_neither_attempts_nor_seconds",
    ),
    Broken(
        guarantee="the job's retries have a budget",
        file="sending/attempts.py",
        line="if self.retries >= self._retry_budget:",
        instead="if self.retries >= 10 * self._retry_budget + 10:",
        caught_by="test_runner.py::"
        "test_a_spent_retry_budget_leaves_rows_unsent_and_goes_on_with_first_attempts",
    ),
    Broken(
        guarantee="a row that the retry budget left behind is unsent, not an error",
        file="sending/attempts.py",
        line="                reason=tries.unsent_reason(),\n                message=",
        instead="                reason=Reason.SERVER_ERROR,\n                message=",
        caught_by="test_runner.py::test_rows_without_a_retry_left_say_what_is_known_of_them",
    ),
    Broken(
        guarantee="a 401 stops the job",
        file="sending/stops.py",
        line="if answer.http_status == 401:",
        instead="if answer.http_status == 407:",
        caught_by="test_runner.py::test_a_401_stops_and_leaves_its_row_unsent",
    ),
    Broken(
        guarantee="403s in a row stop the job",
        file="sending/stops.py",
        line="if self._forbidden_in_a_row >= FORBIDDEN_STREAK:",
        instead="if self._forbidden_in_a_row >= 10 * FORBIDDEN_STREAK:",
        caught_by="test_stops.py::test_twenty_403s_in_a_row_stop",
    ),
    Broken(
        guarantee="too many errors stop the job",
        file="sending/stops.py",
        line="        if not failed:\n",
        instead="        if failed is not None:\n",
        caught_by="test_runner.py::test_too_many_errors_stop",
    ),
    Broken(
        guarantee="the breaker opens when the server is away",
        file="sending/breaker.py",
        line="if self._failures >= FAILURES_IN_A_ROW - 1 and len(self._rows) >= ROWS_IN_A_ROW:",
        instead="if self._failures >= 1000 * FAILURES_IN_A_ROW:",
        caught_by="test_breaker.py::test_it_opens_after_five_failures_in_a_row_"
        "the_last_of_them_a_probe_that_leaves_at_once",
    ),
    Broken(
        guarantee="the first probe of an outage is of a distant row",
        file="sending/attempts.py",
        line="            if self._probe is not None:\n                return None",
        instead="            if self._probe is not None:\n                return True",
        caught_by="test_runner.py::test_neighbouring_leads_that_always_fail_are_no_outage",
    ),
    Broken(
        guarantee="rows that fail while a distant one is served fail by themselves",
        file="sending/breaker.py",
        line="self._failing |= self._rows",
        instead="self._failing |= set()",
        caught_by="test_breaker.py::"
        "test_rows_that_failed_while_the_first_probe_was_served_fail_by_themselves",
    ),
    Broken(
        guarantee="rows that fail by themselves leave workers to the others",
        file="sending/attempts.py",
        line="return self.sets_aside and self._retrying > self._most_retrying",
        instead="return False",
        caught_by="test_runner.py::test_neighbouring_leads_that_always_fail_are_no_outage",
    ),
    Broken(
        guarantee="an attempt that hung while others were served says nothing of the server",
        file="sending/breaker.py",
        line="if self._served_at - sent_at >= MEANWHILE_S or",
        instead="if",
        caught_by="test_breaker.py::"
        "test_an_attempt_that_fails_long_after_others_were_served_says_nothing_of_the_server",
    ),
    Broken(
        guarantee="rows that fail by themselves are no outage, however fast the others were done",
        file="sending/breaker.py",
        line=" or self._passed(sent_at):",
        instead=":",
        caught_by="test_breaker.py::"
        "test_an_attempt_that_hundreds_overtook_says_nothing_of_the_server[100-True]",
    ),
    Broken(
        guarantee="the retries of rows that fail by themselves come last",
        file="sending/attempts.py",
        line="                self.retries -= 1\n",
        instead="",
        caught_by="test_runner.py::test_the_retries_of_rows_that_fail_by_themselves_come_last",
    ),
    Broken(
        guarantee="a distant row is claimed before it is sent",
        file="sending/claims.py",
        line="        await is_on_disk.wait()\n",
        instead="",
        caught_by="test_claims.py::test_a_distant_change_is_claimed_by_itself_and_taken_once",
    ),
    Broken(
        guarantee="the breaker closes when the server is back",
        file="sending/breaker.py",
        line="        self._rows.clear()\n        self._outage = None",
        instead="        self._rows.clear()",
        caught_by="test_breaker.py::test_it_closes_when_a_probe_is_served",
    ),
    Broken(
        guarantee="one probe leaves at a time",
        file="sending/breaker.py",
        line="self._outage = replace(outage, next_probe_at=None)",
        instead="self._outage = outage",
        caught_by="test_breaker.py::test_one_probe_leaves_at_a_time",
    ),
    Broken(
        guarantee="no row is given up while the server is away",
        file="sending/retry.py",
        line="    if is_away:\n",
        instead="    if is_away and draw() > 1:\n",
        caught_by="test_retry.py::"
        "test_while_the_server_is_away_no_row_is_given_up_and_the_breaker_waits",
    ),
    Broken(
        guarantee="the breaker's probes cost their rows no attempts",
        file="sending/attempts.py",
        line="counts=not self._gate.failed_probes)",
        instead="counts=True)",
        caught_by="test_promises.py::test_probes_of_an_outage_cost_their_rows_no_attempts",
    ),
    Broken(
        guarantee="rows that an outage caught are unsent, not errors",
        file="sending/attempts.py",
        line="if not decision.given_up:",
        instead="if decision.step is Step.DONE:",
        caught_by="test_runner.py::"
        "test_with_one_worker_rows_that_failed_before_the_outage_was_known_are_unsent",
    ),
    Broken(
        guarantee="with one or two workers an outage costs no row its outcome",
        file="sending/runner.py",
        line="if are_caught or delivery.tries.outages < self._gate.outages:",
        instead="if are_caught:",
        caught_by="test_runner.py::"
        "test_with_few_workers_or_rows_an_outage_costs_no_row_its_outcome",
    ),
    Broken(
        guarantee="an outage costs the last rows of a job no outcome",
        file="sending/runner.py",
        line="was_served = await self._attempts.wait_until_served()",
        instead="was_served = True",
        caught_by="test_runner.py::"
        "test_with_few_workers_or_rows_an_outage_costs_no_row_its_outcome",
    ),
    Broken(
        guarantee="a row that an outage caught is claimed again before it is sent again",
        file="sending/claims.py",
        line="self._ahead.extendleft(reversed(list(changes)))",
        instead="self._ready.extend(changes)",
        caught_by="test_claims.py::test_what_is_given_back_is_claimed_and_taken_once_more",
    ),
    Broken(
        guarantee="an outage that lasts too long stops the job",
        file="sending/breaker.py",
        line="now - self._since >= self._max_outage_s",
        instead="now - self._since >= 100 * self._max_outage_s",
        caught_by="test_breaker.py::"
        "test_a_last_probe_is_due_when_the_outage_has_lasted_long_enough",
    ),
    Broken(
        guarantee="an attempt ends when its time is over, however the server drips",
        file="api/exchange.py",
        line="deadline=anyio.current_time() + self._timeouts.attempt_s",
        instead="deadline=anyio.current_time() + max(1.5, 10 * self._timeouts.attempt_s)",
        caught_by="test_sendkit.py::test_an_attempt_that_takes_too_long_as_a_whole_is_no_answer",
    ),
    Broken(
        guarantee="an attempt over the fast transport has a time limit as a whole, too",
        file="api/http1/connection.py",
        line="        if due >= self._deadline:",
        instead="        if False:",
        caught_by="test_transport.py::test_a_server_that_takes_nothing_in_is_no_answer",
    ),
    Broken(
        guarantee="an attempt has its time limit also while a server sends without a pause",
        file="api/http1/connection.py",
        line="if self._loop.time() >= self._deadline:",
        instead="if self._loop.time() >= self._deadline + 60:",
        caught_by="test_transport.py::"
        "test_a_server_that_never_stops_sending_ends_with_the_attempt[fast]",
    ),
    Broken(
        guarantee="interim answers do not follow one another for ever",
        file="api/http1/answer_parser.py",
        line="if self._interim > MAX_INTERIM:",
        instead="if self._interim > 2 * MAX_INTERIM:",
        caught_by="test_strictness.py::"
        "test_an_odd_answer_is_read_as_the_table_says[101 interim answers]",
    ),
    # --- Other people's texts ---
    Broken(
        guarantee="no column of an export can be a formula",
        file="recording/lead_sheet.py",
        line="escaped=tuple(_COLUMNS)",
        instead='escaped=("email", "name", "company")',
        caught_by="test_lead_sheet.py::"
        "test_no_column_can_be_a_formula_and_every_tag_comes_back[leads.csv]",
    ),
    Broken(
        guarantee="a label that an export escaped is read as itself",
        file="judging/rules.py",
        line=".otherwise(unescape(cell))",
        instead=".otherwise(cell)",
        caught_by="test_rules.py::"
        "test_the_apostrophe_of_an_export_is_taken_off_unless_a_label_has_it",
    ),
    Broken(
        guarantee="a list of problems is written to no file that a link leads to",
        file="jobs/check.py",
        line="path.is_symlink() or (",
        instead="(",
        caught_by="test_problem_list.py::test_a_name_that_leads_elsewhere_is_refused",
    ),
    Broken(
        guarantee="of a refusal no megabytes are read",
        file="api/exchange.py",
        line="max_bytes = min(max_bytes, MAX_REFUSAL_BYTES)",
        instead="pass",
        caught_by="test_sendkit.py::test_of_a_refusal_no_megabytes_are_read",
    ),
    Broken(
        guarantee="a packed answer is unpacked no further than it may be long",
        file="api/exchange.py",
        line="decompress(body, max_bytes + 1)",
        instead="decompress(body, 16 * max_bytes)",
        caught_by="test_transport.py::test_a_packed_gigabyte_is_never_unpacked[fast-gzip]",
    ),
    # --- The practice sandbox ---
    Broken(
        guarantee="the sandbox shows what it holds to its key alone",
        file="sandbox/inspection.py",
        line="if not any(secrets",
        instead="if not given and not any(secrets",
        caught_by="test_sandbox_api.py::test_what_it_holds_is_shown_to_its_key_alone",
    ),
    Broken(
        guarantee="each start of the sandbox has a key that nobody can guess",
        file="sandbox/world.py",
        line="secrets.token_hex(16)",
        instead="len(secrets.token_hex(16)) * '0'",
        caught_by="test_sandbox_process.py::"
        "test_each_start_has_keys_of_its_own_unless_one_is_given",
    ),
    Broken(
        guarantee="the sandbox answers only to names of this machine",
        file="sandbox/app.py",
        line='_HOSTS = ["127.0.0.1", "localhost"]',
        instead='_HOSTS = ["*"]',
        caught_by="test_sandbox_api.py::test_it_answers_only_to_names_of_this_machine",
    ),
    # --- What is asked before sending ---
    Broken(
        guarantee="a long name does not push out what changes",
        file="terminal/decision_view.py",
        line=', overflow="ellipsis", max_width=names)',
        instead=', overflow="ellipsis")',
        caught_by="test_decision_view.py::test_no_name_however_long_pushes_out_what_changes",
    ),
    Broken(
        guarantee="a question names campaigns, where nobody else has named them",
        file="jobs/steps.py",
        line="campaigns=await paging.campaign_names() if campaigns else {},",
        instead="campaigns={},",
        caught_by="test_asking.py::"
        "test_leads_that_were_read_are_shown_as_they_are_and_by_their_own_names",
    ),
    Broken(
        guarantee="what tags do with subsequences is known by runs of the same address",
        file="jobs/decision.py",
        line="        and run.record.base_url == base_url\n",
        instead="",
        caught_by="test_asking.py::test_what_earlier_runs_there_know_of_subsequences_is_said",
    ),
    Broken(
        guarantee="a plan names no lead where nobody looks on",
        file="terminal/plan_view.py",
        line="if ready.question.diff and console.file.isatty():",
        instead="if ready.question.diff:",
        caught_by="test_asking.py::test_names_and_addresses_are_shown_and_kept_nowhere",
    ),
    Broken(
        guarantee="a plan shows wrong rows with line and value",
        file="jobs/planned.py",
        line="return sorted(problems, key=lambda problem: problem.line)[:most]",
        instead="return sorted(problems, key=lambda problem: problem.line)[:0]",
        caught_by="test_planning.py::test_what_a_plan_shows",
    ),
    Broken(
        guarantee="what was not read is shown as not read",
        file="wording/questions.py",
        line="NOT_READ if was is None else was",
        instead="str() if was is None else was",
        caught_by="test_asking.py::"
        "test_leads_that_were_not_read_are_shown_as_such_by_the_names_in_the_file",
    ),
    Broken(
        guarantee="a lead's name is not in the JSON of a plan",
        file="terminal/report_json.py",
        line="message=ready.question.why,",
        instead="message=str(ready.question.diff),",
        caught_by="test_asking.py::test_names_and_addresses_are_shown_and_kept_nowhere",
    ),
    Broken(
        guarantee="without a question no lead is named",
        file="jobs/ready.py",
        line="is_shown=can_ask,",
        instead="is_shown=True,",
        caught_by="test_opening.py::test_leads_are_named_where_somebody_is_asked_alone[False-0]",
    ),
    Broken(
        guarantee="what names a lead can't steer the terminal",
        file="terminal/decision_view.py",
        line="Text(visible(text), style)",
        instead="Text(text, style)",
        caught_by="test_asking.py::"
        "test_leads_that_were_not_read_are_shown_as_such_by_the_names_in_the_file",
    ),
    Broken(
        guarantee="the number of the question is that of the leads to which a request goes",
        file="wording/decision.py",
        line="        return self.effect.requests",
        instead="        return self.sent_rows",
        caught_by="test_asking.py::test_the_number_is_that_of_the_leads_that_are_changed",
    ),
    Broken(
        guarantee="a run that is gone on with asks about what is left of it alone",
        file="jobs/decision.py",
        line="        requests=work.requests,\n",
        instead="        requests=plan.requests,\n",
        caught_by="test_asking.py::test_the_number_is_that_of_the_leads_that_are_changed",
    ),
    Broken(
        guarantee="a retry is offered only where a failed row can pass",
        file="web/run_routes.py",
        line="        or run.record.tally.may_pass,",
        instead="        or True,",
        caught_by="test_web_runs.py::test_failed_rows_are_tried_again_only_where_one_can_pass",
    ),
    Broken(
        guarantee="a run whose retries left nothing failed is not tried again",
        file="jobs/runs.py",
        line="            tried.add(each.record.id)\n",
        instead="",
        caught_by="test_web_runs.py::test_failed_rows_are_tried_again_only_where_one_can_pass",
    ),
    Broken(
        guarantee="the terminal names the retry that left nothing failed, not another one",
        file="terminal/run_table.py",
        line="(settled := settled_by(run, runs))",
        instead="(settled := None)",
        caught_by="test_past.py::test_a_run_whose_retries_left_nothing_failed_names_the_last",
    ),
    Broken(
        guarantee="failed rows are downloaded only where there are such",
        file="web/run_routes.py",
        line="*(of_failed if has_failed else ())",
        instead="*of_failed",
        caught_by="test_web_runs.py::test_failed_rows_are_tried_again_only_where_one_can_pass",
    ),
    Broken(
        guarantee="practice does not say that its tags can start e-mails",
        file="jobs/decision.py",
        line="        is_practice=is_practice,\n",
        instead="",
        caught_by="test_opening.py::test_practice_says_that_its_tags_were_not_checked",
    ),
    Broken(
        guarantee="a name's unseen characters are spelt out in the question",
        file="api/lists.py",
        line='return one.id, redactor.name(one.name or "")',
        instead='return one.id, redactor.one_line(one.name or "")',
        caught_by="test_lists.py::test_a_campaigns_name_to_be_told_apart_hides_nothing",
    ),
    Broken(
        guarantee="a campaign that the server has no name for keeps the file's",
        file="jobs/paging.py",
        line="for id_, name in page.records if name}",
        instead="for id_, name in page.records}",
        caught_by="test_paging.py::test_a_campaign_without_a_name_is_not_called_by_its_id",
    ),
    Broken(
        guarantee="it is said why a mended sheet can't be had",
        file="web/tray.py",
        line="            if found.problem:\n",
        instead="            if not found:\n",
        caught_by="test_web_mending.py::test_it_is_said_why_a_mended_sheet_cant_be_had",
    ),
    Broken(
        guarantee="the button carries the number",
        file="wording/decision.py",
        line="""    return f"Send {count_of(decision.leads, 'change')}\"""",
        instead='    return "Send"',
        caught_by="test_web_way.py::test_nothing_is_sent_before_the_yes",
    ),
    Broken(
        guarantee="rows are as many wrong ones in a plan's sentence as in its last line",
        file="wording/decision.py",
        line="    wrong = decision.wrong.total()\n",
        instead="    wrong = decision.judged.error\n",
        caught_by="test_planning.py::test_what_a_plan_shows",
    ),
    Broken(
        guarantee="no blank line stands above a question that nothing stands above",
        file="terminal/console.py",
        line="            if self._has_said:\n",
        instead="            if self:\n",
        caught_by="test_asking.py::test_a_blank_line_parts_the_question_from_what_stands_above_it",
    ),
    Broken(
        guarantee="a plan names its campaigns",
        file="jobs/plan.py",
        line="judged = read_campaign_names(frontend, judged, diff)",
        instead="",
        caught_by="test_planning.py::test_what_a_plan_shows",
    ),
    Broken(
        guarantee="an undo says why what was not read can't be set back",
        file="jobs/undo.py",
        line="        sets_back=True,\n",
        instead="",
        caught_by="test_asking.py::"
        "test_an_undo_of_leads_that_were_not_read_says_so_of_none_that_they_are_wrong",
    ),
    Broken(
        guarantee="the question counts the rows that are wrong",
        file="wording/decision.py",
        line="warnings = (*_wrong_rows(decision), ",
        instead="warnings = (*_wrong_rows(decision)[:0], ",
        caught_by="test_opening.py::test_the_question_counts_the_rows_that_are_wrong",
    ),
    Broken(
        guarantee="a column that looks like a missing one by its cells is named",
        file="jobs/cells.py",
        line=">= _SHARE * len(cells)",
        instead="> len(cells)",
        caught_by="test_missing_columns.py::"
        "test_a_missing_column_is_told_with_the_one_that_looks_like_it",
    ),
    # --- Causes, and what is read of an answer ---
    Broken(
        guarantee="a stop names what the server failed by",
        file="sending/stops.py",
        line='The last fault: {with_full_stop(fault_text(last))}"',
        instead='"',
        caught_by="test_causes.py::test_an_outage_names_its_cause_everywhere[refused]",
    ),
    Broken(
        guarantee="rows that were never sent tell why the run stopped",
        file="jobs/execution.py",
        line="stop_reason=ended.reason",
        instead='stop_reason=""',
        caught_by="test_causes.py::test_an_outage_names_its_cause_everywhere[DNS]",
    ),
    Broken(
        guarantee="chunks after a padded coding are taken apart, never read as they stand",
        file="api/http1/answer_parser.py",
        line="            self._dechunk(chunk)",
        instead="            self.chunks.append(chunk)",
        caught_by="test_strictness.py::"
        "test_an_odd_answer_is_read_as_the_table_says[a tab after chunked]",
    ),
    Broken(
        guarantee="a body in chunks is coded once",
        file="api/http1/answer_parser.py",
        line="if self._codings > 1 or value",
        instead="if value",
        caught_by="test_strictness.py::test_an_odd_answer_is_read_as_the_table_says[chunked twice]",
    ),
    # --- Lists ---
    Broken(
        guarantee="a list of a server that knows no cursor ends where nothing new comes",
        file="jobs/paging.py",
        line="if self._is_guess and not is_new:",
        instead="if not page.ids and not is_new:",
        caught_by="test_paging.py::"
        "test_a_list_ends_where_nothing_is_named_and_nothing_new_comes[pages1-ab-2]",
    ),
    Broken(
        guarantee="a list that can't be read to its end is not taken for whole",
        file="jobs/paging.py",
        line="            self._check_whole(page)",
        instead="            pass",
        caught_by="test_paging.py::test_a_list_that_cant_be_read_to_its_end_is_a_fault",
    ),
    Broken(
        guarantee="a list that brings nothing new any more is not read for ever",
        file="jobs/paging.py",
        line="if self._barren >= MOST_BARREN:",
        instead="if self._barren >= 2 * MOST_BARREN:",
        caught_by="test_paging.py::test_a_list_of_empty_pages_ends_with_a_fault",
    ),
    Broken(
        guarantee="a list of ever new records is not read for ever",
        file="jobs/paging.py",
        line="self._pages >= MOST_PAGES or",
        instead="self._pages >= 2 * MOST_PAGES or",
        caught_by="test_paging.py::test_a_list_of_ever_new_records_ends_with_a_fault[True]",
    ),
    # --- What to run next ---
    Broken(
        guarantee="a next command repeats that what leads were is kept",
        file="settings/options.py",
        line='"Read all leads first, so that every change can be undone.",\n'
        "            SAFETY,\n            ALWAYS,",
        instead='"Read all leads first, so that every change can be undone.",\n            SAFETY,',
        caught_by="test_next_commands.py::test_a_next_command_can_be_run_as_printed[run_mended]",
    ),
    Broken(
        guarantee="a next command of an earlier run repeats what its settings say",
        file="jobs/request.py",
        line=":= found[option.section][name]) != defaults",
        instead=":= found[option.section][name]) == defaults",
        caught_by="test_next_commands.py::test_a_next_command_can_be_run_as_printed[run_stopped]",
    ),
    Broken(
        guarantee="a next command has only options that its command takes",
        file="settings/options.py",
        line="option.repeat is repeat and name in TAKEN_BY[taken_by]",
        instead="option.repeat is repeat",
        caught_by="test_next_commands.py::test_a_next_command_can_be_run_as_printed[apply_drifted]",
    ),
    # --- The report ---
    Broken(
        guarantee="what a spreadsheet or a server says shows as text in the report",
        file="reporting/page.py",
        line="    autoescape=True,",
        instead="    autoescape=False,",
        caught_by="test_page.py::test_what_a_spreadsheet_or_a_server_says_shows_as_text",
    ),
    Broken(
        guarantee="what would not be seen shows in the report",
        file="reporting/page.py",
        line="    finalize=_make_visible,",
        instead="    finalize=lambda value: value,",
        caught_by="test_page.py::test_what_would_not_be_seen_is_shown",
    ),
    Broken(
        guarantee="no e-mail address is passed on with a report",
        file="reporting/tables.py",
        line="lines.setdefault(mask_emails(message), [])",
        instead="lines.setdefault(message, [])",
        caught_by="test_page.py::test_no_email_address_and_no_path_is_passed_on",
    ),
    Broken(
        guarantee="a report that can't be written spoils no run",
        file="jobs/execution.py",
        line="        return replace(outcome, report_note=",
        instead="        outcome = replace(outcome, exit_code=3)\n"
        "        return replace(outcome, report_note=",
        caught_by="test_reporting.py::test_a_report_that_cannot_be_written_spoils_no_run",
    ),
    Broken(
        guarantee="the sums of a report's tables count what is not shown, too",
        file="reporting/tables.py",
        line="numbers.slice(shown).sum().row(0)",
        instead="numbers.slice(shown, FOLDED_ROWS).sum().row(0)",
        caught_by="test_page.py::test_the_sums_of_a_table_come_to_what_the_others_say",
    ),
    Broken(
        guarantee="leads whose label stayed are named in the report's sums",
        file="reporting/tables.py",
        line="(leads - shown,))] if leads > shown else []",
        instead="(leads - shown,))] if leads < shown else []",
        caught_by="test_page.py::test_the_sums_of_a_table_come_to_what_the_others_say",
    ),
    Broken(
        guarantee="failures of causes that are not listed are counted in the report",
        file="reporting/tables.py",
        line='    others = total - int(findings.causes["rows"].sum())',
        instead="    others = 0",
        caught_by="test_page.py::test_the_failures_that_are_not_listed_are_counted",
    ),
    Broken(
        guarantee="brackets in the name of a run's folder are no pattern: its own leads are read",
        file="recording/snapshot.py",
        line="yield pl.read_parquet(path, glob=False)",
        instead="yield pl.read_parquet(path)",
        caught_by="test_snapshot.py::test_a_folder_with_brackets_in_its_name_is_no_pattern",
    ),
    Broken(
        guarantee="the page shows the results of this run, whatever its folder's name matches",
        file="web/row_pages.py",
        line="        glob=False,\n",
        instead="",
        caught_by="test_web_rows.py::"
        "test_results_in_a_folder_with_brackets_in_its_name_are_its_own",
    ),
    Broken(
        guarantee="each cause of failures is told with its first row",
        file="recording/journal_sql.py",
        line='f"SELECT min(line) AS line,',
        instead='f"SELECT max(line) AS line,',
        caught_by="test_journal.py::test_errors_are_counted_by_cause_with_the_first_row_of_each",
    ),
    Broken(
        guarantee="a campaign that was looked up by its name has it in the report",
        file="jobs/run_record.py",
        line="        campaigns=_names(opened.lookup.names, run.campaigns),",
        instead="        campaigns=_names(run.campaigns),",
        caught_by="test_by_email.py::"
        "test_campaigns_are_named_by_name_or_by_id_and_each_is_read_once",
    ),
    Broken(
        guarantee="campaigns that the question named have their names in the report",
        file="jobs/ready.py",
        line="            campaigns=self.campaigns,\n            record=record,",
        instead="            record=self.record,",
        caught_by="test_asking.py::"
        "test_names_of_campaigns_that_a_question_showed_are_in_the_report",
    ),
    Broken(
        guarantee="a report says no folder of the command that was typed",
        file="terminal/console.py",
        line='.rpartition("/")[2]\n        told',
        instead="\n        told",
        caught_by="test_console.py::test_a_command_is_told_without_the_folders_of_its_paths",
    ),
    Broken(
        guarantee="a report that is made again names what became of the run since",
        file="jobs/report.py",
        line="        if link and link.id == record.id\n",
        instead="        if link and link.id != record.id\n",
        caught_by="test_reporting.py::"
        "test_a_report_that_is_made_again_says_what_became_of_the_run_since",
    ),
    # --- From Python ---
    Broken(
        guarantee="a call in Python sends nothing without a yes",
        file="library/caller.py",
        line="        if self._ask is None:\n            raise UnaskedError(",
        instead="        if self._ask is None:\n            return False\n"
        "            raise UnaskedError(",
        caught_by="test_library.py::test_nothing_is_sent_without_a_yes",
    ),
    Broken(
        guarantee="only True, or the number that is demanded, is a yes of a callback",
        file="library/caller.py",
        line="return answer is True",
        instead="return bool(answer)",
        caught_by="test_library.py::test_nothing_is_sent_without_a_yes",
    ),
    Broken(
        guarantee="a call that asyncio cancels stops, with complete results",
        file="library/caller.py",
        line="                caller.stop(_STOPPED)  #",
        instead="                pass  #",
        caught_by="test_library.py::test_asyncios_own_cancellation_waits_for_complete_results",
    ),
    Broken(
        guarantee="a KeyboardInterrupt of a callback stops the work",
        file="library/caller.py",
        line="                self.broken_by = error\n                self.stop(_STOPPED)\n",
        instead="                self.broken_by = error\n",
        caught_by="test_library.py::"
        "test_what_ends_a_program_ends_the_work_first[blocking-KeyboardInterrupt]",
    ),
    Broken(
        guarantee="an async callback for events is refused",
        file="library/caller.py",
        line="        lambda it: callable(it) and not iscoroutinefunction(it),",
        instead="        lambda it: callable(it),",
        caught_by="test_library.py::test_an_async_callback_for_events_is_refused",
    ),
    Broken(
        guarantee="only True and False answer for a yes",
        file="library/caller.py",
        line="        if not fits(value):",
        instead="        if value is name:",
        caught_by="test_library.py::test_an_argument_of_another_kind_is_told[yes]",
    ),
    Broken(
        guarantee="the folder of an outcome is absolute",
        file="library/calls.py",
        line="    folder = outcome.folder.absolute()",
        instead="    folder = outcome.folder",
        caught_by="test_library.py::test_paths_are_good_wherever_their_caller_goes",
    ),
    # --- Several workspaces ---
    Broken(
        guarantee="a row goes to the workspace that it names, and is judged by its labels",
        file="jobs/parts.py",
        line="            access=access,\n            notes=(),",
        instead="            notes=(),",
        caught_by="test_several.py::"
        "test_each_row_goes_to_its_workspace_and_one_result_tells_of_all",
    ),
    Broken(
        guarantee="an undo in several workspaces leaves what was changed since as it is",
        file="jobs/undo.py",
        line="        baseline=only_lines(baseline, part.lines),\n",
        instead="",
        caught_by="test_several.py::test_undo_of_the_whole_sets_the_leads_of_every_workspace_back",
    ),
    Broken(
        guarantee="results of several workspaces are refused unless all rows are there",
        file="recording/results.py",
        line="    if count.rows != rows:",
        instead="    if False:",
        caught_by="test_parts.py::test_results_are_refused_where_a_part_lacks_rows",
    ),
    Broken(
        guarantee="nobody is told that a part which is missing has sent nothing",
        file="recording/parts.py",
        line="    except InputError as error:",
        instead="    except NewerRecordError as error:",
        caught_by="test_several.py::"
        "test_what_a_part_that_is_missing_or_damaged_has_sent_is_not_known",
    ),
    Broken(
        guarantee="no part's folder has a name that Windows keeps for a device",
        file="recording/parts.py",
        line="        if slug in _DEVICES:",
        instead="        if False:",
        caught_by="test_parts.py::test_folders_are_named_for_their_workspaces",
    ),
    Broken(
        guarantee="the size of a run counts its parts, and a linked copy once",
        file="jobs/runs.py",
        line='(*folder.iterdir(), *folder.glob(f"{PARTS}/*/*"))',
        instead="folder.iterdir()",
        caught_by="test_several.py::test_a_run_of_several_is_one_in_the_list_and_goes_as_one",
    ),
    Broken(
        guarantee="a key that is revoked while sending is named by its section of the settings",
        file="jobs/execution.py",
        line="(place := opened.request.session.key_place)",
        instead='(place := "")',
        caught_by="test_several.py::test_a_key_that_is_revoked_is_told_by_its_workspace",
    ),
    Broken(
        guarantee="a key that is refused is named by its section of the settings",
        file="jobs/opening.py",
        line="if place := self.request.session.key_place:",
        instead='if place := "":',
        caught_by="test_several.py::test_a_key_that_is_revoked_is_told_by_its_workspace",
    ),
    Broken(
        guarantee="what stops is named where no workspace is at work any more",
        file="wording/parts.py",
        line="return stop if is_of_all else replace(stop, message=why)",
        instead="return stop",
        caught_by="test_several.py::test_a_key_that_is_revoked_is_told_by_its_workspace",
    ),
    Broken(
        guarantee="an unsent row is told with why its own workspace ended",
        file="recording/parts.py",
        line="{NOT_REACHED_MESSAGE} {part.stop_reason}",
        instead="{NOT_REACHED_MESSAGE}",
        caught_by="test_parts.py::test_unsent_rows_are_told_with_why_their_own_part_ended",
    ),
    Broken(
        guarantee="an earlier version refuses a run of several workspaces",
        file="jobs/whole.py",
        line='changed |= {"format": FORMAT, "id"',
        instead='changed |= {"id"',
        caught_by="test_several.py::test_a_part_is_a_run_of_its_own",
    ),
    Broken(
        guarantee="an earlier version can go on with an ordinary run",
        file="recording/runfile.py",
        line="left_out = None if record.format > WITHOUT_PARTS else _OF_PARTS",
        instead="left_out = None",
        caught_by="test_runfile.py::test_run_json_says_what_the_run_is_and_how_far_it_got",
    ),
    Broken(
        guarantee="a part counts as the user's only where the whole names it",
        file="recording/run_list.py",
        line="return said if is_named and find_listed(state_dir, whole, of_whole) else None",
        instead="return said if is_named else None",
        caught_by="test_several.py::test_a_part_of_a_copy_is_nobodys",
    ),
    Broken(
        guarantee="whose rows a part has is held against the user's list of runs",
        file="recording/run_list.py",
        line="else _hash_of_parts(record),",
        instead='else "",',
        caught_by="test_several.py::test_a_whole_that_somebody_changed_is_not_gone_on_with",
    ),
    Broken(
        guarantee="what two processes send of one workspace is sent by one of them",
        file="jobs/opening.py",
        line='    held = f"{sha256} {part}".rstrip()',
        instead="    held = str(run)",
        caught_by="test_several.py::test_a_part_that_another_process_is_at_ends_with_4",
    ),
    Broken(
        guarantee="where one workspace is refused, nothing is sent to any",
        file="jobs/parts.py",
        line="    if refused:\n        raise InputError(*refused)",
        instead="",
        caught_by="test_several.py::test_one_refused_workspace_keeps_all_from_being_sent",
    ),
    Broken(
        guarantee="how many tags change in all workspaces is held against what was expected",
        file="jobs/parts.py",
        line="if refusal := unexpected_changes(effect, expected):",
        instead="if False and (refusal := unexpected_changes(effect, expected)):",
        caught_by="test_several.py::"
        "test_what_holds_of_the_whole_is_seen_before_anything_is_sent[expected]",
    ),
    Broken(
        guarantee="no workspace holds more than half of the requests under way",
        file="jobs/known_pace.py",
        line="each = max(2, min(concurrency // 2,",
        instead="each = max(2, min(concurrency,",
        caught_by="test_whole.py::test_workers_are_shared_out",
    ),
    Broken(
        guarantee="a report of several workspaces tells what became of each",
        file="jobs/report.py",
        line="        return replace(found, workspaces=workspaces)",
        instead="        return found",
        caught_by="test_several.py::test_one_report_tells_of_all_workspaces",
    ),
    Broken(
        guarantee="a verification of several workspaces looks at each",
        file="jobs/verify.py",
        line="    different = pl.concat([none, *(each.different for each in found)])",
        instead="    different = pl.concat([none, *(each.different for each in found[:1])])",
        caught_by="test_several.py::"
        "test_verify_of_the_whole_lists_what_is_different_in_any_workspace",
    ),
    Broken(
        guarantee="rows of a file of many blocks come to their own workspaces",
        file="jobs/sorting.py",
        line="return whose.slice(start, ",
        instead="return whose.slice(start + 1, ",
        caught_by="test_several.py::test_a_file_of_many_blocks_is_split_row_by_row",
    ),
    Broken(
        guarantee="a tag is not cleared by a word that is a label, once the labels are known",
        file="jobs/reopening.py",
        line="            check_clear_word(request.rules(labels=preflight.labels))\n",
        instead="            pass\n",
        caught_by="test_several.py::"
        "test_what_was_held_against_no_server_is_checked_before_it_is_sent",
    ),
    Broken(
        guarantee="rows that were held against no labels are held against them before they go",
        file="jobs/reopening.py",
        line="        if self.record.is_unreached:\n            self._check_tags(preflight)\n",
        instead="        if self.record.is_unreached:\n            pass\n",
        caught_by="test_several.py::"
        "test_what_was_held_against_no_server_is_checked_before_it_is_sent",
    ),
    Broken(
        guarantee="guardrails hold in a workspace that could not be reached when the run began",
        file="jobs/whole.py",
        line="stop_reason=part.failure, is_unreached=True)",
        instead="stop_reason=part.failure)",
        caught_by="test_several.py::"
        "test_what_was_held_against_no_server_is_checked_before_it_is_sent",
    ),
    Broken(
        guarantee="a workspace with a label called clear_word is skipped where others may go on",
        file="jobs/parts.py",
        line="            if not request.guardrails.skip_failed_workspaces:\n",
        instead="            if error:\n",
        caught_by="test_several.py::"
        "test_a_workspace_with_a_label_called_clear_word_is_skipped_as_one_whose_key_fails",
    ),
    Broken(
        guarantee="a part goes to the server of the run whose part it is, and to no practice",
        file="recording/parts.py",
        line="    if not named or of_whole != (",
        instead="    if not named or of_whole[:2] + (record.base_url, record.sandbox) != (",
        caught_by="test_several.py::test_a_part_is_sent_where_the_whole_is",
    ),
    Broken(
        guarantee="workspaces of one run share their pace with other runs",
        file="jobs/whole.py",
        line="self._send, replace(begun, shared=pace), shared)",
        instead="self._send, begun, shared)",
        caught_by="test_one_pace.py::"
        "test_a_run_of_several_workspaces_keeps_to_the_pace_of_others[key]",
    ),
    Broken(
        guarantee="a run that reads several workspaces does so at the pace of others",
        file="jobs/part_steps.py",
        line="    async with at_one_pace(split.meetings()) as shared:\n",
        instead="    async with at_one_pace({}) as shared:\n",
        caught_by="test_one_pace.py::test_leads_of_several_workspaces_are_read_at_the_same_pace",
    ),
    Broken(
        guarantee="runs with a key of many workspaces meet by the key, until somebody says more",
        file="jobs/known_pace.py",
        line="BudgetOwner.KEY if access.is_platform else BudgetOwner.WORKSPACE",
        instead="BudgetOwner.WORKSPACE",
        caught_by="test_known_pace.py::test_runs_of_one_budget_meet[auto-sk_user_1-shares_with0]",
    ),
    Broken(
        guarantee="workspaces of one run keep to its own rate together, and never two at once",
        file="sending/shared_pace.py",
        line="        async with self._taking:\n",
        instead="        if True:\n",
        caught_by="test_shared_pace.py::"
        "test_workspaces_of_a_run_keep_to_its_own_rate_together[False]",
    ),
    Broken(
        guarantee="how far reading is counts all workspaces",
        file="wording/parts.py",
        line="share=(len(done) + sum(one.share for one in at_work)) / workspaces,",
        instead="share=max(one.share for one in at_work),",
        caught_by="test_several_words.py::test_the_reading_of_all_workspaces_is_shown_as_one",
    ),
    Broken(
        guarantee="workspaces are asked side by side before the question",
        file="jobs/part_steps.py",
        line="                tasks.start_soon(do_one, number, each)\n",
        instead="                await do_one(number, each)\n",
        caught_by="test_several.py::test_workspaces_are_asked_side_by_side_and_told_in_their_order",
    ),
    Broken(
        guarantee="no more workspaces are asked at once than are meant to be",
        file="jobs/part_steps.py",
        line="    limiter = anyio.CapacityLimiter(AT_ONCE)\n",
        instead="    limiter = anyio.CapacityLimiter(1000)\n",
        caught_by="test_part_steps.py::"
        "test_some_are_asked_at_the_same_time_and_told_in_their_order",
    ),
    Broken(
        guarantee="a day's quota that is used up is said once, not of each workspace",
        file="jobs/part_steps.py",
        line="            except (DeclinedError, QuotaUsedError):\n                raise\n",
        instead="",
        caught_by="test_part_steps.py::test_a_quota_that_is_used_up_ends_all",
    ),
    Broken(
        guarantee="labels of workspaces that share a budget are asked for at its pace",
        file="jobs/parts.py",
        line="            pacer.take_turn(asked_at)\n",
        instead="",
        caught_by="test_several.py::test_workspaces_of_one_key_are_asked_and_read_at_one_pace",
    ),
    Broken(
        guarantee="leads of workspaces that share a budget are read at its pace",
        file="jobs/part_steps.py",
        line="    return replace(judged, pacer=part.pacer, shares_pacer=sharing > 1)\n",
        instead="    return judged\n",
        caught_by="test_several.py::test_workspaces_of_one_key_are_asked_and_read_at_one_pace",
    ),
    Broken(
        guarantee="budgets of workspaces that headers show are used",
        file="sending/pace/parting.py",
        line="        elif fell != own:\n",
        instead="        elif fell != 0:\n",
        caught_by="test_parting.py::test_budgets_of_workspaces_are_found_and_each_is_used",
    ),
    Broken(
        guarantee="a budget that moves its end parts no paces",
        file="sending/pace/parting.py",
        line="            has_fixed_end = last.ends_from <= first.ends_by\n",
        instead="            has_fixed_end = True\n",
        caught_by="test_parting.py::test_what_is_no_proof_parts_nothing",
    ),
    Broken(
        guarantee="one budget of all workspaces is never taken for several",
        file="sending/pace/parting.py",
        line="        elif fell != own:\n",
        instead="        elif fell < own:\n",
        caught_by="test_parting.py::test_a_budget_of_all_is_never_parted",
    ),
    Broken(
        guarantee="workspaces that are refused together share one pace again",
        file="sending/pace/parting.py",
        line="            self._turn(is_parted=False)\n\n    def _turn",
        instead="            pass\n\n    def _turn",
        caught_by="test_parting.py::test_a_single_workspace_that_is_refused_joins_nothing",
    ),
    Broken(
        guarantee="parts of a key whose budgets are parted are sent at their own paces",
        file="jobs/known_pace.py",
        line="            members.append(Member(key, make_pacer(own, None)))",
        instead="            members.append(None)",
        caught_by="test_known_pace.py::test_workspaces_of_a_shared_pace_have_paces_of_their_own",
    ),
    Broken(
        guarantee="a workspace's leads are never looked up in another workspace",
        file="jobs/part_steps.py",
        line="    split.check_lookups()\n",
        instead="",
        caught_by="test_several.py::"
        "test_leads_are_never_looked_up_with_the_key_of_another_workspace",
    ),
    Broken(
        guarantee="a check judges the workspaces that rows name as the run does",
        file="jobs/check.py",
        line="return (told,), partial(judged_with, problems)",
        instead="return (told,), partial(judged_with, problems.clear())",
        caught_by="test_several_checks.py::test_a_check_says_what_the_run_says",
    ),
    Broken(
        guarantee="what is wrong with a row's workspace comes before all else that is wrong",
        file="judging/workspaces.py",
        line="pl.when(is_wrong).then(f",
        instead='pl.when(is_wrong & pl.col("reason").is_null()).then(f',
        caught_by="test_several_checks.py::test_a_check_says_what_the_run_says",
    ),
    Broken(
        guarantee="a check says that workspaces are not judged while nobody has asked for them",
        file="jobs/check.py",
        line="return (WORKSPACES_UNKNOWN,), None",
        instead="return (), None",
        caught_by="test_several_checks.py::"
        "test_before_any_server_was_asked_the_column_is_not_judged",
    ),
    Broken(
        guarantee="workspaces are remembered only where all of them were seen",
        file="jobs/workspaces.py",
        line="    if not failed and not session.sandbox:\n",
        instead="    if not session.sandbox:\n",
        caught_by="test_several_checks.py::"
        "test_before_any_server_was_asked_the_column_is_not_judged",
    ),
    Broken(
        guarantee="the workspaces that a key was seen to reach count for that key alone",
        file="recording/seen_workspaces.py",
        line="base_url, secret, *sorted(sections)",
        instead="base_url, *sorted(sections)",
        caught_by="test_seen_workspaces.py::"
        "test_workspaces_are_remembered_for_keys_and_address_alone",
    ),
    Broken(
        guarantee="the page judges the workspaces that rows name",
        file="web/inspection.py",
        line=", seen=ask.seen\n",
        instead="\n",
        caught_by="test_several_checks.py::"
        "test_the_page_judges_workspaces_before_anything_is_asked",
    ),
    Broken(
        guarantee="campaigns of several workspaces are told apart where they have one name",
        file="jobs/parts.py",
        line='id_: f"{part.name}: {name}"',
        instead="id_: name",
        caught_by="test_several_plans.py::"
        "test_a_plan_tells_what_becomes_of_every_row_in_every_workspace",
    ),
    Broken(
        guarantee="an apply that broke off before a workspace began is not called finished",
        file="jobs/outcome.py",
        line="RunState.FINISHED, RunState.PLANNED}",
        instead="RunState.FINISHED}",
        caught_by="test_several_plans.py::test_an_apply_that_broke_off_at_once_is_no_plan_any_more",
    ),
    Broken(
        guarantee="the page's rows say which workspace they name",
        file="web/shown_rows.py",
        line='return "" if at is None else row[str(at)].strip()',
        instead='return ""',
        caught_by="test_several_plans.py::"
        "test_the_page_plans_and_sends_a_file_of_several_workspaces",
    ),
    Broken(
        guarantee="who can't go on in a workspace hears which keys fail, and why",
        file="jobs/workspaces.py",
        line="            *map(_told, failed[:_TOLD]),\n",
        instead="",
        caught_by="test_several_plans.py::test_a_plan_reads_every_workspace_or_none",
    ),
    Broken(
        guarantee="a check knows the workspaces of a key that was tested on the page",
        file="jobs/preflight.py",
        line="                        key=access.api_key,\n",
        instead="                        key=None,\n",
        caught_by="test_several_checks.py::"
        "test_a_key_that_is_tested_on_the_page_says_which_workspaces_there_are",
    ),
    Broken(
        guarantee="a row of a plan of several workspaces stands in plan.csv once",
        file="recording/plan_sheet.py",
        line='outcomes.join(planned, on="line", how="anti")',
        instead="outcomes",
        caught_by="test_several_plans.py::"
        "test_a_plan_tells_what_becomes_of_every_row_in_every_workspace",
    ),
    Broken(
        guarantee="a part of a plan is not sent by itself",
        file="jobs/apply.py",
        line="    elif record.part_of is not None:",
        instead="    elif False:",
        caught_by="test_several_plans.py::test_nothing_but_apply_is_done_with_a_plan",
    ),
    Broken(
        guarantee="a plan of several workspaces is sent by apply alone",
        file="jobs/resume.py",
        line="    check_no_plan(past.folder, record, options=past.key_options)\n",
        instead="",
        caught_by="test_several_plans.py::test_nothing_but_apply_is_done_with_a_plan",
    ),
    Broken(
        guarantee="a plan of several workspaces is no plan any more before a part of it is sent",
        file="jobs/whole.py",
        line="    if run.split.record is not None:  # a plan",
        instead="    if False:  # a plan",
        caught_by="test_several_plans.py::test_an_apply_that_broke_off_at_once_is_no_plan_any_more",
    ),
    Broken(
        guarantee="a plan is not sent with a tag that is no label any more",
        file="jobs/reopening.py",
        line="            if self.record.state is RunState.PLANNED:\n"
        "                self._check_tags(preflight)",
        instead="            if self.record.state is RunState.PLANNED:\n                pass",
        caught_by="test_several_plans.py::"
        "test_what_is_gone_since_the_plan_keeps_all_from_being_sent",
    ),
    Broken(
        guarantee="how many tags change is expected of the whole plan, and of no part",
        file="jobs/resume.py",
        line="guardrails = of_a_part(again.guardrails)",
        instead="guardrails = again.guardrails",
        caught_by="test_several_plans.py::test_guardrails_hold_when_a_plan_is_sent",
    ),
    Broken(
        guarantee="a plan passes over no workspace",
        file="jobs/plan.py",
        line="skip_failed_workspaces=False)",
        instead="skip_failed_workspaces=True)",
        caught_by="test_several_plans.py::test_a_plan_reads_every_workspace_or_none",
    ),
    Broken(
        guarantee="a row of the diff says in which workspace its lead is",
        file="wording/parts.py",
        line="(replace(row, workspace=part.name) for part",
        instead="(row for part",
        caught_by="test_several_plans.py::test_python_plans_and_applies_several_workspaces",
    ),
    Broken(
        guarantee="a plan of several workspaces that is not in the list of runs is not sent",
        file="jobs/past_run.py",
        line="        if record.state is RunState.PLANNED:\n            raise",
        instead="        if False:\n            raise",
        caught_by="test_several_plans.py::"
        "test_a_plan_of_several_workspaces_is_sent_from_the_list_of_runs_alone",
    ),
    Broken(
        guarantee="of a row in several workspaces the latest outcome over all retries is told",
        file="jobs/unfinished.py",
        line="            firsts |= {first_of(each.record) for each in parts.values()}\n",
        instead="            pass\n",
        caught_by="test_several_again.py::"
        "test_results_with_retries_tell_the_latest_outcome_in_every_workspace",
    ),
    Broken(
        guarantee="of a part, what the retry of all workspaces did is told, too",
        file="jobs/unfinished.py",
        line="            known = parts | known\n",
        instead="            pass\n",
        caught_by="test_several_again.py::"
        "test_results_with_retries_tell_the_latest_outcome_in_every_workspace",
    ),
    Broken(
        guarantee="every attempt of a run of several workspaces is listed, in the file's order",
        file="recording/attempts_file.py",
        line='pl.concat(rows).sort("line", maintain_order=True)',
        instead="pl.concat(rows)",
        caught_by="test_several_again.py::test_every_attempt_in_all_workspaces_is_listed",
    ),
    Broken(
        guarantee="more tag changes than the limit of all workspaces are confirmed first",
        file="jobs/parts.py",
        line="        if too_many and not can_ask:\n",
        instead="        if False:\n",
        caught_by="test_several.py::"
        "test_more_tag_changes_in_all_workspaces_than_the_limit_are_confirmed_first",
    ),
    Broken(
        guarantee="the number that is typed is that of the tags in all workspaces",
        file="jobs/parts.py",
        line="            guardrails=(too_many,) if too_many else (),\n",
        instead="            guardrails=(),\n",
        caught_by="test_several.py::test_the_page_asks_for_the_number_of_tags_in_all_workspaces",
    ),
    Broken(
        guarantee="a check holds several workspaces against the limit of all, not that of each",
        file="jobs/check.py",
        line="is_total=Naming.WORKSPACE in table.fields",
        instead="is_total=False",
        caught_by="test_commands.py::test_a_check_holds_all_workspaces_against_the_limit_of_all",
    ),
    Broken(
        guarantee="a check of many tag changes leads to a run that asks, not to --allow-clears",
        file="terminal/checking.py",
        line="    is_clears = is_held and too_many_clears(checked.plan) is not None\n",
        instead="    is_clears = is_held\n",
        caught_by="test_commands.py::test_a_check_leads_to_a_run_that_asks_for_the_number",
    ),
    Broken(
        guarantee="of one workspace the lower of both limits of tag changes counts",
        file="jobs/request.py",
        line="    limits = [*([] if is_total else [own]), *([] if is_part else [total])]\n",
        instead="    limits = [total if is_total else own]\n",
        caught_by="test_commands.py::test_of_one_workspace_the_lower_of_both_limits_counts",
    ),
    Broken(
        guarantee="a limit of tag changes in all workspaces is lifted by nobody else's file",
        file="settings/origins.py",
        line="        new.run.tag_change_limit_total, own.run.tag_change_limit_total\n",
        instead="        0, 0\n",
        caught_by="test_gate.py::test_a_guardrail_of_the_user_is_not_lifted_by_an_empty_file",
    ),
    Broken(
        guarantee="a retry sends a row to the workspace of its run, whatever that is called by now",
        file="judging/workspaces.py",
        line="return owners if owned is None else self._known(cells, owned).fill_null(owners)",
        instead="return owners",
        caught_by="test_several_again.py::"
        "test_rows_go_where_the_run_sent_them_whatever_that_is_called_by_now",
    ),
    Broken(
        guarantee="a retry sends nothing where a workspace of its run is gone",
        file="jobs/retry.py",
        line="            _check_reached(parts, request)\n",
        instead="",
        caught_by="test_several_again.py::"
        "test_no_row_is_sent_to_another_workspace_in_place_of_one_that_is_gone",
    ),
    Broken(
        guarantee="guardrails hold in a retry where a workspace was not reached before",
        file="jobs/retry.py",
        line="    if not record.is_unreached:\n",
        instead="    if True:\n",
        caught_by="test_several_again.py::test_guardrails_hold_where_none_was_passed_before",
    ),
    Broken(
        guarantee="the same where all workspaces are tried again",
        file="jobs/retry.py",
        line="    if not before or any(each.record.is_unreached for each in before):",
        instead="    if not before:",
        caught_by="test_several_again.py::test_guardrails_hold_where_none_was_passed_before",
    ),
    Broken(
        guarantee="guardrails hold in a retry for rows that were no workspace's before",
        file="jobs/retry.py",
        line="    if not before or any(each.record.is_unreached for each in before):",
        instead="    if before and any(each.record.is_unreached for each in before):",
        caught_by="test_several_again.py::"
        "test_guardrails_hold_for_rows_that_were_no_workspaces_before",
    ),
    Broken(
        guarantee="a retry of an undo in several workspaces leaves what was changed since",
        file="jobs/retry.py",
        line='.sort("line") if again.record.has_baseline else None,',
        instead='.sort("line") if False else None,',
        caught_by="test_several_again.py::"
        "test_a_retry_of_an_undo_of_several_expects_what_the_undo_does",
    ),
    Broken(
        guarantee="a retry of several workspaces that broke off is gone on with about its own rows",
        file="jobs/recorded.py",
        line="        lines = pl.concat(each.lines() for each in plans_of_all(",
        instead="        pl.concat(each.lines() for each in plans_of_all(",
        caught_by="test_several_again.py::test_a_retry_of_several_that_broke_off_is_gone_on_with",
    ),
    Broken(
        guarantee="a workspace known by its name alone is not resumed while it is tried again",
        file="jobs/retry.py",
        line="            if (name := each.part.workspace.id) != each.target.workspace.id:\n",
        instead="            if (name := each.part.workspace.id) and False:\n",
        caught_by="test_several_again.py::"
        "test_rows_of_a_workspace_whose_key_failed_are_tried_once_it_works",
    ),
    Broken(
        guarantee="what another process has sent meanwhile is not sent by a retry",
        file="jobs/retry.py",
        line="            _check_unchanged(past, again)\n",
        instead="",
        caught_by="test_several_again.py::"
        "test_a_part_that_was_gone_on_with_meanwhile_is_not_tried_again",
    ),
    Broken(
        guarantee="who tries a part again is told that the whole was",
        file="jobs/unfinished.py",
        line="    ids = {record.id, record.part_of}\n",
        instead="    ids = {record.id}\n",
        caught_by="test_several_again.py::"
        "test_a_part_is_told_to_have_been_tried_again_with_the_whole",
    ),
    Broken(
        guarantee="a part of a retry names the part whose rows it tries again",
        file="jobs/retry.py",
        line="        retry_of=before[0].link if before else None,\n",
        instead="",
        caught_by="test_several_again.py::test_a_retry_is_about_the_failed_rows_of_every_workspace",
    ),
    Broken(
        guarantee="a part that is done sends no request",
        file="terminal/part_command.py",
        line="        if record.state is RunState.FINISHED:",
        instead="        if False:",
        caught_by="test_several.py::test_parts_run_alone_by_their_numbers",
    ),
    Broken(
        guarantee="a part with a wrong row ends with 0, since array jobs would try it for ever",
        file="terminal/part_command.py",
        line="has_wrong=0",
        instead="has_wrong=1",
        caught_by="test_several.py::test_parts_run_alone_by_their_numbers",
    ),
)


def copy_program(folder: Path) -> None:
    """A copy of the program and its tests, to be altered."""
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*")
            )
        else:
            shutil.copy(source, folder)


@contextmanager
def broken(build: Broken, folder: Path) -> Iterator[None]:
    """Break the copy of the program in this folder for as long as the block lasts."""
    path = folder / "batch" / build.file
    text = path.read_text("utf-8")
    assert text.count(build.line) == 1, f"{build.file} must have it exactly once: {build.line}"
    unbroken = path.rename(path.with_suffix(".unbroken"))
    try:
        path.write_text(text.replace(build.line, build.instead), "utf-8")
        # What is compiled is kept, wherever that is, and goes by size and by whole seconds: what
        # the last build left would be loaded in place of this one.
        own = next(_times)
        os.utime(path, (own, own))
        yield
    finally:
        unbroken.rename(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What some tests came to. failures: the first words of each test that failed.

    errors: of tests that could not be run at all. output: all that pytest said.
    """

    passed: int
    failures: tuple[str, ...]
    errors: tuple[str, ...]
    output: str

    @property
    def is_caught(self) -> bool:
        """Whether something was asserted in vain, and nothing else went wrong."""
        asserted = (any(each in text for each in _ASSERTED) for text in self.failures)
        return bool(self.failures) and all(asserted) and not self.errors


@cache
def _file_called(name: str) -> Path:
    (found,) = (ROOT / "tests").rglob(name)
    return found.relative_to(ROOT)


def file_of(test: str) -> Path:
    """The file of a `caught_by`, from the top of the repository. No two files share a name."""
    return _file_called(test.partition("::")[0])


def run_tests(tests: Sequence[str], folder: Path, stem: Stem) -> Verdict:
    """Run these tests against the copy in this folder, in a process of their own."""
    report = folder / "report.xml"
    report.unlink(missing_ok=True)
    output = stem.pytest(
        [
            *("-q", "-m", "slow or not slow", "-p", "no:cacheprovider", "--timeout", "60"),
            *("--hypothesis-profile", "broken", f"--junit-xml={report}"),
            *dict.fromkeys(str(file_of(test)) + test[test.index("::") :] for test in tests),
        ],
        folder,
    )
    cases = ET.parse(report).getroot().iter("testcase")  # noqa: S314 - pytest's own report
    kinds = [{child.tag: child.text or "" for child in case} for case in cases]
    return Verdict(
        passed=sum(not set(kind) & {"failure", "error", "skipped"} for kind in kinds),
        failures=tuple(kind["failure"] for kind in kinds if "failure" in kind),
        errors=tuple(kind["error"] for kind in kinds if "error" in kind),
        output=output,
    )
