/** Every judge that there is, before the contract. */
import { gtubeScore } from '../../src/judge/gtube.ts'
import { headersJudge } from '../../src/judge/headers.ts'
import { silentJudge } from '../../src/judge/silent.ts'
import { judgeContract } from './judge.contract.ts'
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
