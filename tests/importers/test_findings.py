"""Each finding where it is due, and where it is not."""

from __future__ import annotations

from itertools import count

import pytest

TOKEN = "arn:aws:states:::lambda:invoke.waitForTaskToken"
END = {"Type": "Succeed"}
DONE = {"Variable": "$.done", "BooleanEquals": True}


NUMBERS = count(1)


def branch(state, **more):
    """A machine whose first state has a name of its own."""
    name = f"x{next(NUMBERS)}"
    return {"StartAt": name, "States": {name: state, **more}}


def test_a_quiet_machine(find, task):
    assert find({"T": task("a"), "a": END}).codes == []


def test_places_point_into_the_file(find, task):
    finding = find({"T": task("a"), "a": END, "lost": END}).finding("W0204")
    assert finding.span.file == "machine.json"
    line = finding.span.line
    assert (
        find({"T": task("a"), "a": END, "lost": END}).spec.source.splitlines()[line - 1].strip()
        == '"lost": {'
    )
    assert finding.span.col == 3
    assert '"lost"' in finding.message


# --- W0201 ------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", [TOKEN, "arn:aws:states:us-east-1:1:activity:approve"])
def test_a_token_wait_without_a_limit(find, task, resource):
    finding = find({"T": task(Resource=resource)}).finding("W0201")
    assert '"T"' in finding.message
    assert "TimeoutSeconds" in finding.fix


@pytest.mark.parametrize(
    "more", [{"TimeoutSeconds": 9}, {"HeartbeatSeconds": 9}, {"TimeoutSecondsPath": "$.t"}]
)
def test_a_token_wait_with_a_limit(find, task, more):
    assert "W0201" not in find({"T": task(Resource=TOKEN, **more)}).codes


def test_the_limit_of_the_machine_counts_for_inner_ones_too(find, task):
    states = {"P": {"Type": "Parallel", "Branches": [branch(task(Resource=TOKEN))], "End": True}}
    assert "W0201" in find(states).codes
    assert "W0201" not in find(states, TimeoutSeconds=60).codes


# --- W0202, W0203, W0205 ------------------------------------------------------------------------


def test_a_cycle_without_a_way_out(find, task):
    seen = find({"S": task("A"), "A": {"Type": "Pass", "Next": "B"}, "B": task("A")})
    assert seen.finding("W0202").message.startswith("the cycle A, B has no way out")
    assert '"S"' in seen.finding("W0205").message


def test_a_catch_is_a_way_out(find, task):
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "end"}]
    assert find({"A": task("A", Catch=catch), "end": END}).codes == []


def polling(choice, task, **more):
    return {
        "T": task("C", **more),
        "C": choice([(DONE, "end")], "W"),
        "W": {"Type": "Wait", "Seconds": 5, "Next": "T"},
        "end": END,
    }


def test_polling_without_a_bound(find, choice, task):
    finding = find(polling(choice, task)).finding("W0203")
    assert "T, C, W" in finding.message


def test_polling_with_the_machines_limit(find, choice, task):
    assert find(polling(choice, task), TimeoutSeconds=60).codes == []


def test_polling_with_a_counter(find, choice, task):
    states = polling(choice, task)
    states["C"]["Choices"].append({"Variable": "$.n", "NumericGreaterThan": 5, "Next": "end"})
    assert find(states).codes == []


def test_a_loop_that_does_not_wait_works_off_something(find, choice, task):
    states = polling(choice, task)
    states["W"] = task("T")
    assert find(states).codes == []


# --- W0204 ------------------------------------------------------------------------------------


def test_only_a_lost_state_leads_to_another(find, task):
    seen = find({"T": task(), "lost": {"Type": "Pass", "Next": "also"}, "also": END})
    assert seen.codes == ["W0204", "W0204"]


def test_a_state_named_by_a_catch_is_reached(find, task):
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "a"}]
    assert find({"T": task(Catch=catch), "a": END}).codes == []


# --- W0206, W0208 ------------------------------------------------------------------------------


def retry(**words):
    return [{"ErrorEquals": ["States.ALL"], **words}]


def test_waits_alone_exceed_the_machines_limit(find, task):
    # 10 + 20 + 40 + 80 = 150
    words = retry(IntervalSeconds=10, MaxAttempts=4)
    finding = find({"T": task(Retry=words)}, TimeoutSeconds=150).finding("W0206")
    assert "add up to 150 s alone" in finding.message
    assert find({"T": task(Retry=words)}, TimeoutSeconds=151).codes == []


def test_attempts_and_waits_exceed_it(find, task):
    # 4 attempts of 10 s, and 1 + 2 + 4 s between them
    words = {"Retry": retry(), "TimeoutSeconds": 10}
    finding = find({"T": task(**words)}, TimeoutSeconds=46).finding("W0206")
    assert "up to 47 s (4 x 10 s and 7 s of waits)" in finding.message
    assert find({"T": task(**words)}, TimeoutSeconds=47).codes == []


def test_a_longest_wait_is_heeded(find, task):
    words = retry(IntervalSeconds=10, MaxAttempts=4, MaxDelaySeconds=10)
    assert find({"T": task(Retry=words)}, TimeoutSeconds=41).codes == []
    assert find({"T": task(Retry=words)}, TimeoutSeconds=40).codes == ["W0206"]


def test_a_limit_longer_than_the_machines(find, task):
    seen = find({"T": task(TimeoutSeconds=100)}, TimeoutSeconds=60)
    assert "never fires" in seen.finding("W0206").message


def test_very_many_retries_do_not_take_long(find, task):
    words = retry(MaxAttempts=99_999_999, BackoffRate=1.7)
    assert find({"T": task(Retry=words)}, TimeoutSeconds=60).codes == ["W0206"]


def test_a_heartbeat_that_cannot_be_missed(find, task):
    seen = find({"T": task(Resource=TOKEN, TimeoutSeconds=60, HeartbeatSeconds=60)})
    assert seen.codes == ["W0208"]
    seen = find({"T": task(Resource=TOKEN, TimeoutSeconds=60, HeartbeatSeconds=59)})
    assert seen.codes == []


# --- W0207 ------------------------------------------------------------------------------------


def parallel(*states, **more):
    return {"P": {"Type": "Parallel", "Branches": [branch(s) for s in states], "End": True, **more}}


def test_a_failure_cancels_the_other_branches(find, task):
    finding = find(parallel(task(), task())).finding("W0207")
    assert "cancels the other branches" in finding.message


def test_no_finding_where_somebody_catches(find, task):
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "a"}]
    states = {**parallel(task(), task(), Catch=catch), "a": END}
    assert find(states).codes == []
    caught = [{**catch[0], "Next": name} for name in ("b", "c")]
    inner = [branch(task(Catch=[c]), **{c["Next"]: END}) for c in caught]
    states = {"P": {"Type": "Parallel", "Branches": inner, "End": True}}
    assert find(states).codes == []


def test_no_finding_without_tasks_or_siblings(find, task):
    assert find(parallel(task())).codes == []
    assert find(parallel({"Type": "Succeed"}, {"Type": "Succeed"})).codes == []


BOOM = {"Type": "Fail", "Error": "Boom"}


def test_a_fail_state_in_a_branch_is_named(find, task):
    states = parallel(BOOM, {"Type": "Succeed"})
    fail = states["P"]["Branches"][0]["StartAt"]
    finding = find(states).finding("W0207")
    assert f"a failure of {fail} is caught neither there nor here" in finding.message
    assert [words for _, words in finding.related] == ["fails"]


def test_a_fail_state_whose_error_is_caught_by_name(find):
    catch = [{"ErrorEquals": ["Boom"], "Next": "a"}]
    states = {**parallel(BOOM, {"Type": "Succeed"}, Catch=catch), "a": END}
    assert find(states).codes == []


def test_a_fail_state_whose_error_is_caught_in_between(find, task):
    catch = [{"ErrorEquals": ["Boom"], "Next": "a"}]
    inner = {"Type": "Parallel", "Branches": [branch(BOOM), branch(END)], "Catch": catch}
    states = parallel({"Type": "Succeed"})
    states["P"]["Branches"].append(branch({**inner, "End": True}, a=END))
    assert find(states).codes == []


def test_only_the_outermost_tells(find, task):
    inner = parallel(task(), task())
    states = {
        "Q": {
            "Type": "Parallel",
            "Branches": [{"StartAt": "P", "States": inner}, branch(task())],
            "End": True,
        }
    }
    finding = find(states).finding("W0207")
    assert '"Q"' in finding.message


def test_items_of_a_map(find, task):
    states = {"M": {"Type": "Map", "ItemProcessor": branch(task()), "End": True}}
    assert "items that are still running" in find(states).finding("W0207").message
    states["M"]["ToleratedFailurePercentage"] = 5
    assert find(states).codes == []


# --- W0209, W0210, W0211, W0212 ------------------------------------------------------------------


def test_a_name_that_the_service_never_uses(find, task):
    words = [{"ErrorEquals": ["States.TaskFailedId"]}]
    finding = find({"T": task(Retry=words)}).finding("W0209")
    assert finding.fix == "write States.TaskFailed"
    words = [{"ErrorEquals": ["States.TaskFailed"]}]
    assert find({"T": task(Retry=words)}).codes == []


def test_a_name_that_a_fail_state_raises(find, task):
    catch = [{"ErrorEquals": ["States.Mine"], "Next": "a"}]
    fail = {"Type": "Fail", "Error": "States.Mine"}
    states = {**parallel(fail, {"Type": "Succeed"}, Catch=catch), "a": END}
    assert find(states).codes == []


def test_a_catch_after_one_that_takes_everything(find, task):
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "a"}, {"ErrorEquals": ["E"], "Next": "a"}]
    assert find({"T": task(Catch=catch), "a": END}).codes == ["W0210"]
    catch.reverse()
    assert find({"T": task(Catch=catch), "a": END}).codes == []


def test_a_field_among_the_states(find, task):
    assert find({"QueryLanguage": "JSONata", "T": task()}, start="T").codes == ["W0212"]
