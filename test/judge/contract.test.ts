/** Every judge that there is, before the contract. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { gtubeScore } from '../../src/judge/gtube.ts'
import { headersJudge } from '../../src/judge/headers.ts'
import { milterJudge } from '../../src/judge/milter/milter.ts'
import { hookJudge } from '../../src/judge/hook/hook.ts'
import { rspamdJudge } from '../../src/judge/rspamd/rspamd.ts'
import { silentJudge } from '../../src/judge/silent.ts'
import { spamdJudge } from '../../src/judge/spamd/spamd.ts'
import { judgeContract } from './judge.contract.ts'
import { frame } from './milter/frames.ts'
import { saying, scriptedMilter } from './milter/scripted-milter.ts'
import { scripted } from './scripted.ts'

const silent = { kind: 'silent' } as const
const gtube = ['XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD', 'ANTI-UBE-TEST-EMAIL*C.34X'].join('-')
const plain = { text: 'Subject: x\r\n\r\nhello\r\n', judgement: silent }

judgeContract('headers', {
  open: () => headersJudge({ field: 'X-Spam-Score', believes: () => true }),
  example: {
    text: 'X-Spam-Score: 7.5\r\nReceived: from a by b; now\r\n\r\nhello\r\n',
    judgement: { kind: 'judged', score: 7.5, symbols: ['X-Spam-Score'] },
  },
  other: plain,
})

judgeContract('gtube, from whom nothing is believed', {
  open: () => headersJudge({ field: 'X-Spam-Score', believes: () => false }),
  example: {
    text: `Subject: x\r\n\r\n${gtube}\r\n`,
    judgement: { kind: 'judged', score: gtubeScore, symbols: ['GTUBE'] },
  },
  other: plain,
})

judgeContract('silent', { open: () => silentJudge('none'), example: plain })

judgeContract('a scripted judge that reads by itself', {
  open: () =>
    scripted({
      judge: (text) =>
        text.includes('spam')
          ? { kind: 'judged', score: 9, symbols: ['SPAM'] }
          : { kind: 'judged', score: 0, symbols: [] },
    }),
  example: {
    text: 'Subject: spam\r\n\r\nhello\r\n',
    judgement: { kind: 'judged', score: 9, symbols: ['SPAM'] },
  },
  other: { text: plain.text, judgement: { kind: 'judged', score: 0, symbols: [] } },
})

judgeContract('a scripted judge that reads slowly', {
  open: () =>
    scripted({ slow: 1, judge: (text) => ({ kind: 'judged', score: text.length, symbols: [] }) }),
  example: {
    text: 'Subject: x\r\n',
    judgement: { kind: 'judged', score: 12, symbols: [] },
  },
})

/** Answers when a text is complete, and keeps its first octets alone. */
async function answering(
  answer: (beginning: string) => string,
  isComplete: (beginning: string, octets: number) => boolean,
): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let beginning = ''
    let octets = 0
    let said = false
    const say = (): void => {
      if (said) return
      said = true
      socket.end(answer(beginning))
    }
    socket.on('error', () => undefined)
    socket.on('end', say)
    socket.on('data', (chunk) => {
      octets += chunk.length
      if (beginning.length < 4096) beginning += chunk.toString('latin1', 0, 4096)
      if (isComplete(beginning, octets)) say()
    })
  })
  server.listen(0, '127.0.0.1')
  server.unref()
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const limits = { maxSizeBytes: 1e9, atATime: 10, answerLimitBytes: 65_536, connectTimeoutMs: 5000 }
const surroundings = { now: () => performance.now(), onChange: () => undefined }

const pong = 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\npong\r\n'

/** Of an HTTP request. */
function isWhole(request: string, octets: number): boolean {
  const end = request.indexOf('\r\n\r\n')
  const length = Number(/^content-length: (\d+)/im.exec(request)?.[1] ?? 0)
  return end !== -1 && octets >= end + 4 + length
}

const ok = (body: string): string =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`

judgeContract('rspamd', {
  async open() {
    const port = await answering((request) => {
      if (request.startsWith('GET /ping ')) return pong
      const body = request.includes('spam')
        ? '{"score":9,"action":"add header","symbols":{"SPAM":{"score":9}}}'
        : '{"score":0,"action":"no action","symbols":{}}'
      return ok(body)
    }, isWhole)
    return rspamdJudge({
      ...limits,
      ...surroundings,
      servers: [{ url: `http://127.0.0.1:${port}` }],
      scan: 'once',
      onLeftOut: () => undefined,
    })
  },
  example: {
    text: 'Subject: spam\r\n\r\nhello\r\n',
    judgement: { kind: 'judged', score: 9, symbols: ['SPAM'] },
  },
  other: { text: plain.text, judgement: { kind: 'judged', score: 0, symbols: [] } },
})

for (const text of ['contents', 'raw'] as const)
  judgeContract(`hook with the text as ${text}`, {
    async open() {
      const port = await answering(
        (request) => ok(`{"action":"${request.includes('"spam"') ? 'reject' : 'accept'}"}`),
        isWhole,
      )
      return hookJudge({
        name: 'hook',
        ...limits,
        ...surroundings,
        servers: [{ url: `http://127.0.0.1:${port}/` }],
        text,
        onLeftOut: () => undefined,
      })
    },
    example: {
      text: 'Subject: spam\r\n\r\nhello\r\n',
      judgement: { kind: 'judged', symbols: [], opinion: { verdict: 'reject' } },
    },
    other: plain,
  })

judgeContract('spamd', {
  async open() {
    const port = await answering(
      (request) =>
        request.startsWith('PING ')
          ? 'SPAMD/1.5 0 PONG\r\n'
          : request.includes('spam\r\n')
            ? 'SPAMD/1.1 0 EX_OK\r\nContent-length: 4\r\nSpam: True ; 9.0 / 5.0\r\n\r\nSPAM'
            : 'SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\nSpam: False ; 0.0 / 5.0\r\n\r\n',
      () => false,
    )
    return spamdJudge({
      ...limits,
      ...surroundings,
      servers: [{ host: '127.0.0.1', port }],
      scan: 'once',
    })
  },
  example: {
    text: 'Subject: spam\r\n\r\nhello\r\n',
    judgement: { kind: 'judged', score: 9, symbols: ['SPAM'] },
  },
  other: { text: plain.text, judgement: { kind: 'judged', score: 0, symbols: [] } },
})

judgeContract('milter', {
  async open() {
    const says = saying({})
    const server = await scriptedMilter((heard, socket) =>
      heard.code === 'L' && heard.data === 'Subject\0spam\0'
        ? frame('y', '550 5.7.1 no spam\0')
        : says(heard, socket),
    )
    return milterJudge({
      ...limits,
      ...surroundings,
      name: 'milter',
      servers: [server],
      software: 'Rcptwise 0',
      onLeftOut: () => undefined,
    })
  },
  example: {
    text: 'Subject: spam\r\n\r\nhello\r\n',
    judgement: {
      kind: 'judged',
      symbols: [],
      opinion: { verdict: 'reject', reply: { code: 550, detail: '7.1', lines: ['no spam'] } },
    },
  },
  other: plain,
})
