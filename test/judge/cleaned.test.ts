/** Judges see a stranger's text without the fields that only this site may write. */
import { describe, expect, test } from 'vitest'
import { JudgeChain } from '../../src/judge/chain.ts'
import { headersJudge } from '../../src/judge/headers.ts'
import type { Judge } from '../../src/judge/judge.ts'
import { revised } from '../../src/message/revised-text.ts'
import type { TextSource } from '../../src/message/text-source.ts'
import type { Findings } from '../../src/verdict/judgement.ts'
import { octet } from '../smtp/splits.ts'
import { envelope } from './envelope.ts'
import { scripted } from './scripted.ts'
import { ComingText, textOf } from './texts.ts'

const hostile = 'X-Spam-Score: -50\r\nSubject: x\r\n\r\nX-Spam-Score: body\r\n'
const clean = 'Subject: x\r\n\r\nX-Spam-Score: body\r\n'

async function read(text: TextSource): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of text.chunks()) chunks.push(chunk)
  return Buffer.concat(chunks).toString('latin1')
}

interface Judged {
  readonly findings: Findings
  readonly seen: readonly string[]
  readonly delivered: string
  readonly removed: readonly string[]
}

async function judged(written: string, ours: boolean, judges: readonly Judge[]): Promise<Judged> {
  const seen: string[] = []
  const looking = scripted({
    judge: (text) => {
      seen.push(text)
      return { kind: 'silent' }
    },
  })
  const chain = new JudgeChain({
    judges: [...judges, looking].map((judge) => ({ judge, onFailure: 'accept' })),
    now: () => 0,
    mayWriteOurs: () => ours,
  })
  const text = new ComingText()
  const removed: string[] = []
  const judging = chain.message({
    envelope,
    text,
    onJudged: () => undefined,
    onForeignRemoved: (names) => removed.push(...names),
  })
  for (const octets of octet(written)) {
    text.push(Buffer.from([octets]))
    judging.push(Buffer.from([octets]))
  }
  text.end()
  const findings = await judging.end()
  const delivered = await read(revised(textOf([octet(written)]), findings.revision))
  return { findings, seen, delivered, removed }
}

describe('a text from elsewhere', () => {
  test('comes to a judge and to a mailbox without them', async () => {
    const { seen, delivered, removed } = await judged(hostile, false, [])
    expect(seen).toEqual([clean])
    expect(removed).toContain('X-Spam-Score')
    expect(delivered).toBe(clean)
  })

  test('passes as it is when it has none: nothing is changed in it', async () => {
    const { findings, delivered, removed } = await judged(clean, false, [])
    expect(findings.revision).toEqual([])
    expect(removed).toEqual([])
    expect(delivered).toBe(clean)
  })

  test('from a host of this site all stay, and count', async () => {
    const headers = headersJudge({ field: 'X-Spam-Score', believes: () => true })
    const { findings, seen } = await judged(hostile, true, [headers])
    expect(findings.revision).toEqual([])
    expect(findings.all[0]?.judgement).toMatchObject({ score: -50 })
    expect(seen).toEqual([hostile])
  })

  test('is known to be judged by nobody only when its fields are known', () => {
    const chain = new JudgeChain({ judges: [], now: () => 0, mayWriteOurs: () => false })
    const text = textOf([])
    const judging = chain.message({
      envelope,
      text,
      onJudged: () => undefined,
      onForeignRemoved: () => undefined,
    })
    judging.push(octet('X-Spam-Score: 1\r\nSubj'))
    expect(judging.settled()).toBeUndefined()
    judging.push(octet('ect: x\r\n\r\n'))
    expect(judging.settled()?.revision).toHaveLength(1)
  })
})
