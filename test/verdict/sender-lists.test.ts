import { expect, test } from 'vitest'
import { wishFor } from '../../src/verdict/sender-lists.ts'

const lists = (acceptSenders: readonly string[], refuseSenders: readonly string[]) => ({
  acceptSenders: new Set(acceptSenders),
  refuseSenders: new Set(refuseSenders),
})

interface Row {
  readonly of: string
  readonly accept?: readonly string[]
  readonly refuse?: readonly string[]
  readonly sender: string
  readonly wish: 'accept' | 'refuse' | undefined
}

test.each<Row>([
  { of: 'nothing said', sender: 'a@x.example', wish: undefined },
  {
    of: 'somebody else',
    accept: ['b@x.example', '@y.example'],
    refuse: ['c@x.example'],
    sender: 'a@x.example',
    wish: undefined,
  },
  { of: 'an address', accept: ['a@x.example'], sender: 'a@x.example', wish: 'accept' },
  { of: 'in another case', accept: ['a@x.example'], sender: 'A@x.example', wish: 'accept' },
  { of: 'a domain', refuse: ['@x.example'], sender: 'a@x.example', wish: 'refuse' },
  { of: 'no domain below it', refuse: ['@x.example'], sender: 'a@sub.x.example', wish: undefined },
  { of: 'everyone', refuse: ['*'], sender: 'a@x.example', wish: 'refuse' },
  { of: 'everyone: also the null path', refuse: ['*'], sender: '', wish: 'refuse' },
  {
    of: 'the null path is in no domain',
    accept: ['@x.example'],
    refuse: ['@y.example'],
    sender: '',
    wish: undefined,
  },
  {
    of: 'an address stands over its domain',
    accept: ['a@x.example'],
    refuse: ['@x.example'],
    sender: 'a@x.example',
    wish: 'accept',
  },
  {
    of: 'and the other way round',
    accept: ['@x.example'],
    refuse: ['a@x.example'],
    sender: 'a@x.example',
    wish: 'refuse',
  },
  {
    of: 'known senders only',
    accept: ['@x.example'],
    refuse: ['*'],
    sender: 'a@x.example',
    wish: 'accept',
  },
  {
    of: 'known senders only: another one',
    accept: ['@x.example'],
    refuse: ['*'],
    sender: 'a@y.example',
    wish: 'refuse',
  },
])('$of', ({ accept = [], refuse = [], sender, wish }) =>
  expect(wishFor(lists(accept, refuse), sender)).toBe(wish),
)
