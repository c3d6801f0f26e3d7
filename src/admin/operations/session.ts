/** A console's session: a token is exchanged for a cookie that no script can read. */
import { z } from 'zod'
import { jsonResponse } from '../exchange.ts'
import { operation } from '../operation.ts'
import { exactly, session } from '../schemas.ts'

const path = '/api/v1/session'

export const getSession = operation({
  id: 'getSession',
  method: 'GET',
  path,
  summary: 'Who asks, and what the client may do.',
  access: 'anyone',
  answer: session,
  statuses: { 200: 'Also to a client without a token.' },
  handle: (_context, { client, wantsToken }) => ({
    value: {
      wantsToken,
      ...(client.role !== 'none' && { by: client.by, role: client.role }),
      ...(client.sessionUntil !== undefined && {
        until: new Date(client.sessionUntil).toISOString(),
      }),
    },
  }),
})

const form = 'an object with "token"'

export const logIn = operation({
  id: 'logIn',
  method: 'POST',
  path,
  summary: 'Exchanges a token for a session of 12 hours, in a cookie for this API.',
  access: 'anyone',
  body: exactly({ token: z.string({ error: form }).min(1).max(1000) }, form),
  answer: session,
  statuses: {
    200: 'The session has begun.',
    401: 'That is no token.',
    409: 'Nobody needs a token here.',
    429: 'Too many wrong tokens came from this address.',
  },
  async handle(_context, { body, door }) {
    const begun = await door.logIn(body.token)
    if ('status' in begun) return begun
    const { name: by, role, endsAt } = begun
    const answer = { by, role, wantsToken: true, until: new Date(endsAt).toISOString() }
    return { ...jsonResponse(200, answer), headers: { 'set-cookie': begun.setCookie } }
  },
})

export const logOut = operation({
  id: 'logOut',
  method: 'DELETE',
  path,
  summary: 'Ends the session.',
  access: 'read',
  answer: z.object({ ended: z.boolean() }),
  statuses: { 200: 'There is none any more.' },
  async handle(_context, { door }) {
    const cookie = await door.logOut()
    return { ...jsonResponse(200, { ended: true }), headers: { 'set-cookie': cookie } }
  },
})
