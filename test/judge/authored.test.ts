/** Who the author of a text is: told with what judges find, where somebody asks for it. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { JudgeChain } from '../../src/judge/chain.ts'
import { octet } from '../smtp/splits.ts'
import { runs } from '../support/properties.ts'
import { envelope } from './envelope.ts'
import { scripted } from './scripted.ts'
import { ComingText } from './texts.ts'

const message = 'Subject: x\r\nFrom: "Ann, of the shop"\r\n <ann@shop.example>\r\n\r\nFrom: b@c\r\n'

function begin(wantsAuthor: boolean, slow = 0) {
  const judge = scripted({ slow, judge: () => ({ kind: 'silent' }) })
  const chain = new JudgeChain({ judges: [{ judge, onFailure: 'accept' }], now: () => 0 })
  const text = new ComingText()
  const judging = chain.message({
    envelope: wantsAuthor ? { ...envelope, wantsAuthor } : envelope,
    text,
    onJudged: () => undefined,
    onForeignRemoved: () => undefined,
  })
  const push = (octets: string): void => {
    text.push(octet(octets))
    judging.push(octet(octets))
  }
  return { text, judging, push }
}

test('property: wherever the text is cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(message.length), fc.nat(message.length), async (one, other) => {
      const [first, second] = [Math.min(one, other), Math.max(one, other)]
      const { text, judging, push } = begin(true)
      push(message.slice(0, first))
      push(message.slice(first, second))
      push(message.slice(second))
      text.end()
      const { author } = await judging.end()
      expect(author).toEqual({ local: 'ann', domain: 'shop.example' })
    }),
    { numRuns: runs(200) },
  )
})

test('nobody reads it where nobody asks', async () => {
  const { text, judging, push } = begin(false)
  push(message)
  text.end()
  expect(await judging.end()).not.toHaveProperty('author')
})

test.each([
  ['no From field', 'Subject: x\r\n\r\nbody\r\n'],
  ['two From fields', 'From: a@b.example\r\nFrom: c@d.example\r\n\r\nbody\r\n'],
  ['two authors', 'From: a@b.example, c@d.example\r\n\r\nbody\r\n'],
])('a text with %s has no author', async (_of, octets) => {
  const { text, judging, push } = begin(true)
  push(octets)
  text.end()
  expect(await judging.end()).not.toHaveProperty('author')
})

test('without an empty line the header section ends with the text', async () => {
  const { text, judging, push } = begin(true)
  push('From: a@b.example\r\n')
  text.end()
  expect(await judging.end()).toMatchObject({ author: { local: 'a', domain: 'b.example' } })
})

test('what judges find is not settled before the author is known', () => {
  const chain = new JudgeChain({ judges: [], now: () => 0 })
  const judging = chain.message({
    envelope: { ...envelope, wantsAuthor: true },
    text: new ComingText(),
    onJudged: () => undefined,
    onForeignRemoved: () => undefined,
  })
  judging.push(octet('From: a@b.example\r\nSubj'))
  expect(judging.settled()).toBeUndefined()
  judging.push(octet('ect: x\r\n\r\n'))
  expect(judging.settled()).toMatchObject({ author: { local: 'a', domain: 'b.example' } })
})
