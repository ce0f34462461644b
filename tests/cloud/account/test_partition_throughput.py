"""A partition key has so many units a second. Sources: local/cloud/gaps/partition_throughput.py.

The limits are so low, or an item so large, that what was taken is not back before the next call.
"""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.account.clients import Account, a_name

MANY_UNITS = 300 * 1024  # bytes of an item that costs 300 writes, or 75 reads: minutes of a limit of 1


class Items:
    """A table of its own."""

    def __init__(self, account: Account, billing: str = "PAY_PER_REQUEST") -> None:
        self.account, self.name = account, a_name()
        self.client = account.client("dynamodb")
        provisioned = {"ProvisionedThroughput": {"ReadCapacityUnits": 99, "WriteCapacityUnits": 99}}
        self.client.create_table(
            TableName=self.name,
            BillingMode=billing,
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            **(provisioned if billing == "PROVISIONED" else {}),
        )

    def put(self, partition: str, sort: str = "a", size: int = 0) -> None:
        self.client.put_item(TableName=self.name, Item=item(partition, sort, size))

    def query(self, partition: str) -> list[Any]:
        found: list[Any] = self.client.query(
            TableName=self.name,
            KeyConditionExpression="#key = :value",
            ExpressionAttributeNames={"#key": "pk"},
            ExpressionAttributeValues={":value": {"S": partition}},
        )["Items"]
        return found

    def throttled(self, kind: str) -> float:
        return self.account.count("AWS/DynamoDB", f"{kind}ThrottleEvents", TableName=self.name)


def item(partition: str, sort: str = "a", size: int = 0) -> dict[str, Any]:
    return {"pk": {"S": partition}, "sk": {"S": sort}, "content": {"S": "x" * size}}


def test_a_hot_partition_of_an_on_demand_table_is_throttled_and_the_others_are_not(account: Account) -> None:
    items = Items(account)
    account.cloud.limits.set(partition_write_units=1)
    items.put("hot", size=MANY_UNITS)

    with pytest.raises(ClientError) as error:
        items.put("hot", "b")
    items.put("cold")

    answer: Any = error.value.response
    assert answer["Error"]["Code"] == "ThrottlingException"
    assert answer["throttlingReasons"][0]["reason"] == "TableWriteKeyRangeThroughputExceeded"
    assert answer["throttlingReasons"][0]["resource"].endswith(f":table/{items.name}")
    assert items.throttled("Write") == 1


def test_a_provisioned_table_says_so(account: Account) -> None:
    items = Items(account, "PROVISIONED")
    account.cloud.limits.set(partition_write_units=1)
    items.put("hot", size=MANY_UNITS)

    with pytest.raises(ClientError) as error:
        items.put("hot", "b")

    answer: Any = error.value.response
    assert answer["Error"]["Code"] == "ProvisionedThroughputExceededException"
    assert answer["ThrottlingReasons"][0]["reason"] == "TableWriteKeyRangeThroughputExceeded"


def test_an_update_and_a_delete_cost_by_the_larger_of_before_and_after(account: Account) -> None:
    items = Items(account)
    items.put("one", size=MANY_UNITS)
    account.cloud.limits.set(partition_write_units=1)
    key = {"pk": {"S": "one"}, "sk": {"S": "a"}}

    items.client.delete_item(TableName=items.name, Key=key)

    with pytest.raises(ClientError, match="ThrottlingException"):
        items.client.update_item(TableName=items.name, Key=key)


def test_a_condition_that_does_not_hold_costs_as_well(account: Account) -> None:
    items = Items(account)
    items.put("one", size=MANY_UNITS)
    account.cloud.limits.set(partition_write_units=1)

    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        items.client.put_item(TableName=items.name, Item=item("one"), ConditionExpression="attribute_not_exists(pk)")

    with pytest.raises(ClientError, match="ThrottlingException"):
        items.put("one")


@pytest.mark.parametrize("operation", ["get", "query"])
def test_reads_have_units_of_their_own(account: Account, operation: str) -> None:
    items = Items(account)
    items.put("hot", size=MANY_UNITS)
    account.cloud.limits.set(partition_read_units=1)
    key = {"pk": {"S": "hot"}, "sk": {"S": "a"}}

    read = (
        items.query("hot") if operation == "query" else [items.client.get_item(TableName=items.name, Key=key)["Item"]]
    )

    assert read == [item("hot", size=MANY_UNITS)]
    with pytest.raises(ClientError, match="ThrottlingException"):
        items.query("hot")
    assert items.query("cold") == []
    items.put("hot")
    assert items.throttled("Read") == 1


def test_a_transaction_says_which_of_its_members_was_throttled(account: Account) -> None:
    items = Items(account)
    account.cloud.limits.set(partition_write_units=1)
    items.put("hot", size=MANY_UNITS)
    members = [{"Put": {"TableName": items.name, "Item": item(partition, "b")}} for partition in ("cold", "hot")]

    with pytest.raises(ClientError) as error:
        items.client.transact_write_items(TransactItems=members)

    answer: Any = error.value.response
    assert [reason["Code"] for reason in answer["CancellationReasons"]] == ["None", "ThrottlingError"]
    assert items.query("cold") == []


def test_a_batch_gives_back_what_found_no_room(account: Account) -> None:
    items = Items(account)
    account.cloud.limits.set(partition_write_units=1, partition_read_units=1)
    items.put("hot", size=MANY_UNITS)
    puts = [{"PutRequest": {"Item": item(partition, "b")}} for partition in ("hot", "cold")]

    written = items.client.batch_write_item(RequestItems={items.name: puts})

    assert written["UnprocessedItems"] == {items.name: puts[:1]}
    assert len(items.query("cold")) == 1
    with pytest.raises(ClientError, match="ThrottlingException"):
        items.client.batch_write_item(RequestItems={items.name: puts[:1]})


def test_a_batch_of_reads_gives_back_keys(account: Account) -> None:
    items = Items(account)
    items.put("hot", size=MANY_UNITS)
    items.put("cold")
    keys = [{"pk": {"S": partition}, "sk": {"S": "a"}} for partition in ("hot", "cold")]
    account.cloud.limits.set(partition_read_units=1)
    items.query("hot")

    read = items.client.batch_get_item(RequestItems={items.name: {"Keys": keys, "ConsistentRead": True}})

    assert read["Responses"][items.name] == [item("cold")]
    assert read["UnprocessedKeys"] == {items.name: {"Keys": keys[:1], "ConsistentRead": True}}


def test_without_a_limit_nothing_is_throttled(account: Account) -> None:
    items = Items(account)
    account.cloud.limits.set(partition_write_units=1)
    items.put("hot", size=MANY_UNITS)

    account.cloud.limits.clear()

    items.put("hot")
