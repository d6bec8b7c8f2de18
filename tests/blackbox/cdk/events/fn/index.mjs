import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';

const client = new DynamoDBClient({});
const put = (pk) => client.send(new PutItemCommand({ TableName: process.env.TABLE, Item: { pk: { S: pk } } }));

export const write = async (event) => {
  for (const record of event.Records ?? []) await put(record.body);
  return event.Records ? { batchItemFailures: [] } : { statusCode: 200, body: 'written by a URL' };
};

export const copy = async (event) => {
  for (const record of event.Records) {
    const pk = record.dynamodb.Keys.pk.S;
    if (record.eventName === 'INSERT' && !pk.startsWith('copy of ')) await put(`copy of ${pk}`);
  }
};
