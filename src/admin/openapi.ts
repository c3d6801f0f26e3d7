/** The admin API as an OpenAPI 3.1 document, from its operations. Pure. */
import { z } from 'zod'
import type { Operation } from './operation.ts'
import { failure } from './schemas.ts'

type Json = Readonly<Record<string, unknown>>

/** Statuses that any operation may answer, whoever handles it. */
const whenever: Readonly<Record<number, string>> = {
  403: 'The request names another host, comes from a web page of another site, or is for another role.',
  500: 'A fault of Rcptwise: the log has it.',
}
const withToken = {
  401: 'The token is missing or wrong.',
  429: 'Too many requests, or wrong tokens, within a minute.',
}
const withInput = { 400: 'A parameter or the body is not possible.' }
const withBody = {
  408: 'The request took too long.',
  413: 'The body is too large.',
  415: 'The body is not JSON, or it is compressed.',
}
const withCondition = { 412: 'It is not as the client has seen it; `current` says how it is.' }
const withoutBody = { description: 'It is as the client has it.' }
const withStream = { 503: 'Too many streams are being read.' }

export function openApi(operations: readonly Operation[], version: string): Json {
  const paths = Map.groupBy(operations, ({ path }) => path)
  return {
    openapi: '3.1.0',
    info: { title: 'Rcptwise admin API', version },
    paths: Object.fromEntries(
      [...paths].map(([path, all]) => [
        path,
        Object.fromEntries(all.map((one) => [one.method.toLowerCase(), described(one)])),
      ]),
    ),
    components: {
      schemas: { Failure: schemaOf(failure, 'output') },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: 'rcptwise_session' },
      },
    },
  }
}

function described(operation: Operation): Json {
  const { id, summary, access, params, query, headers, body } = operation
  const checked = [...parametersOf(params, 'path'), ...parametersOf(query, 'query')]
  const own = Object.entries({ ...headers, ...conditionsOf(operation) })
  const parameters = [...checked, ...own.map(headerParameter)]
  return {
    operationId: id,
    summary,
    security: needsToken(access) ? [{ token: [] }, { session: [] }] : [],
    ...(needsToken(access) ? { 'x-rcptwise-role': access } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: json(schemaOf(body, 'input')) } }),
    responses: responsesOf(operation, checked.length > 0),
  }
}

const needsToken = (access: Operation['access']): boolean =>
  access === 'read' || access === 'operate'

/** Query parameters are text on the wire: what they mean is the schema's output. */
function parametersOf(schema: z.ZodObject, where: 'path' | 'query'): Json[] {
  const { properties = {} } = schemaOf(schema, 'output') as {
    readonly properties?: Readonly<Record<string, Json>>
  }
  return Object.entries(properties).map(([name, { description, ...property }]) => ({
    name,
    in: where,
    required: where === 'path',
    description,
    schema: property,
  }))
}

function conditionsOf({ method, access, answer, conditional }: Operation): Record<string, string> {
  if (conditional)
    return { 'if-match': 'The ETag of what the client has seen, to change only that.' }
  return method === 'GET' && access !== 'open' && answer !== undefined
    ? { 'if-none-match': 'The ETag of what the client has already.' }
    : {}
}

const headerParameter = ([name, description]: [string, string]): Json => ({
  name,
  in: 'header',
  required: false,
  description,
  schema: { type: 'string' },
})

function responsesOf(operation: Operation, parameterised: boolean): Json {
  const { access, body, statuses, media } = operation
  const failures = {
    ...whenever,
    ...(needsToken(access) ? withToken : {}),
    ...(parameterised || body !== undefined ? withInput : {}),
    ...(body === undefined ? {} : withBody),
    ...(media === 'text/event-stream' ? withStream : {}),
    ...(operation.conditional ? withCondition : {}),
  }
  const unchanged = 'if-none-match' in conditionsOf(operation) ? { 304: withoutBody } : {}
  const own = Object.entries(statuses).map(([status, description]): [string, Json] => [
    status,
    { description, ...contentOf(status, operation) },
  ])
  const others = Object.entries(failures).map(([status, description]): [string, Json] => [
    status,
    { description, content: json(failed) },
  ])
  return { ...Object.fromEntries([...others, ...own]), ...unchanged }
}

/** 503 is an answer of the operation, not a failure of the request. */
function contentOf(status: string, { answer, media }: Operation): Json {
  if (status !== '200' && status !== '503') return { content: json(failed) }
  return answer === undefined
    ? { content: { [media]: { schema: { type: 'string' } } } }
    : { content: json(schemaOf(answer, 'output')) }
}

const failed = { $ref: '#/components/schemas/Failure' }
const json = (schema: Json): Json => ({ 'application/json': { schema } })

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const all = Object.entries(z.toJSONSchema(schema, { io }))
  return Object.fromEntries(all.filter(([name]) => name !== '$schema'))
}
