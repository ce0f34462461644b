"""What people must know of, by SNS (the port `domain.key_material.reimport.Topic`)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

MAX_SUBJECT = 99  # SNS takes less than 100 characters


class SnsTopic:
    def __init__(self, sns: "SNSClient", topic: str) -> None:
        self._sns = sns
        self._topic = topic

    def publish(self, subject: str, text: str) -> None:
        self._sns.publish(TopicArn=self._topic, Subject=subject[:MAX_SUBJECT], Message=text)
