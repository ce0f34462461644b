"""The checks of rights and alarms are broken on purpose: each mistake in a copy of the template is found."""

from typing import Any

import pytest

from tests.template.alarms import metric_of, samples, wrong_alarms
from tests.template.calls import ROLES
from tests.template.deployed import HOME, REPLICA, Stack
from tests.template.loading import TEXT
from tests.template.rights import wrong_rights
from tests.template.samples import wrong_ringing

MISTAKES = {  # what stands in the template, and what stands there by mistake
    "a metric that nobody emits": ("MetricName: RegionFault", "MetricName: RegionFaults"),
    "an ignored event that nobody counts": ("MetricName: EventIgnored", "MetricName: EventsIgnored"),
    "a dimension that nobody emits": ("{Name: Function, Value: signals}", "{Name: Function, Value: probe}"),
    "another namespace": ("Namespace: kms-failover", "Namespace: kms"),
    "an alarm of every deployment": ('        - {Name: Deployment, Value: !Sub "${AWS::StackName}"}\n', ""),
    "a peer's alarm that nobody reads": ("-kms-impaired-${peer}", "-peer-kms-${peer}"),
    "a peer's alarm read as the region's own": ("-kms-impaired-${peer}", "-kms-impaired-${AWS::Region}"),
    "a peer's alarm of the region's own metric": (
        "{Name: Region, Value: !If [IsStateTableHome, !Ref StateTableReplica, !Ref StateTableHome]}",
        "{Name: Region, Value: !Ref AWS::Region}",
    ),
    "an alarm that tells nobody": ("AlarmActions: [!Ref ChangesTopic] # a probe", "# a probe"),
    "a lost region's alarm that is taken for evidence": ("-region-lost-${peer}", "-kms-impaired-lost-${peer}"),
    "an alarm that does not tell of its end": ("      OKActions: [!Ref ChangesTopic]\n", ""),
    "a lost region that nobody alarms": ("MetricName: RegionLost", "MetricName: RegionsLost"),
    "a second fault that rings no more": ("MetricName: NumberOfMessagesSent", "MetricName: NumberOfMessagesReceived"),
    "dead letters that are counted, not their growth": ("Expression: DIFF(waiting)", "Expression: ABS(waiting)"),
    "a failed backfill of another state machine": ("Value: !Ref Backfill}", "Value: !Ref SweepFunction}"),
    "an alarm of another queue": ("!GetAtt FailuresQueue.QueueName", "!GetAtt RewrapQueue.QueueName"),
    "signals wakes its own region's probe alone": ("lambda:${StateTableReplica}:", "lambda:${StateTableHome}:"),
    "another function than the controller": (
        "function:${AWS::StackName}-controller",
        "function:${AWS::StackName}-sweep",
    ),
    "the runbook starts another function": ("- !GetAtt ControllerFunction.Arn", "- !GetAtt ProbeFunction.Arn"),
    "the probe may not read signals": ('- !Sub "signals#${AWS::Region}"\n', "\n"),
    "the probe may read everything": ("- key-sets\n", "- key-sets\n                    - intents\n"),
    "the probe may open every data key": ('{"kms:EncryptionContext:kms-failover": probe}', "{}"),
    "rewrap may open every data key": ('"Null": {"kms:EncryptionContext:aws:x-amz-cek-alg": "false"}', '"Null": {}'),
    "reimport may open every data key": ('"kms:EncryptionContext:kms-failover": sentinel', ""),
    "reimport may import everywhere": ("StringEquals: {aws:RequestedRegion: !Ref AWS::Region}", "StringEquals: {}"),
    "rewrap may use a bucket's key itself": ('{kms:ViaService: !Sub "s3.${AWS::Region}.amazonaws.com"}', "{}"),
    "a caller may write control, not reports": ('[!Sub "reports#${AWS::Region}"]', '[!Sub "control#${AWS::Region}"]'),
    "another deployment's state table": ("table/${AWS::StackName}-state", "table/other-state"),
    "any topic": (
        "Action: sns:Publish\n              Resource: !Ref ChangesTopic",
        "Action: sns:Publish\n              Resource: '*'",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(mistake: str) -> None:
    right, wrong = MISTAKES[mistake]
    text = TEXT.replace(right, wrong)
    assert text != TEXT

    stacks = [Stack(region, text) for region in (HOME, REPLICA)]

    assert any(wrong_alarms(stack) or any(wrong_rights(stack, role) for role in ROLES) for stack in stacks)


STACK = Stack(HOME)
SAMPLES = samples(STACK)
ALARMS = {alarm["AlarmName"]: alarm for alarm in STACK.alarms()}
CHANGES: dict[str, dict[str, Any]] = {  # that silence an alarm, or have it ring for nothing
    "a threshold too high": {"Threshold": 1_000_000},
    "compared the other way round": {
        "GreaterThanThreshold": "LessThanThreshold",
        "GreaterThanOrEqualToThreshold": "LessThanOrEqualToThreshold",
        "LessThanThreshold": "GreaterThanThreshold",
    },
    "missing data turned round": {"breaching": "notBreaching", "notBreaching": "breaching", "ignore": "notBreaching"},
    "missing data that leaves an alarm as it is": {
        "breaching": "ignore",
        "notBreaching": "ignore",
        "ignore": "breaching",
    },
    "the least of a period": {"Maximum": "Minimum", "Sum": "Minimum", "Average": "Minimum"},
    "how many were said in a period": {"Maximum": "SampleCount", "Sum": "SampleCount", "Average": "SampleCount"},
    "the most of a period": {"Average": "Maximum"},
    "after twenty periods only": {"EvaluationPeriods": 20},
}  # a key that names a property is set; others are values, and what stands for them


def _changed(alarm: Any, change: dict[str, Any]) -> Any:
    if isinstance(alarm, dict):
        return {name: change.get(name, _changed(value, change)) for name, value in alarm.items()}
    if isinstance(alarm, list):
        return [_changed(value, change) for value in alarm]
    return change.get(alarm, alarm) if isinstance(alarm, str) else alarm


CHANGED = {  # what is said of looks at material is 1, so that its sum is its number: no other statistic is a mistake
    (name, change): changed
    for name, alarm in ALARMS.items()
    for change, instead in CHANGES.items()
    if (changed := _changed(alarm, instead)) != alarm
}


@pytest.mark.parametrize(("name", "change"), CHANGED)
def test_an_alarm_that_is_changed_rings_otherwise_than_its_samples_say(name: str, change: str) -> None:
    found = list(wrong_ringing(CHANGED[name, change], SAMPLES[metric_of(ALARMS[name])]))

    assert found
