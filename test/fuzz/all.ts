/** Every fuzzer. */
import { addresses } from './addresses.ts'
import { dialogues } from './dialogues.ts'
import { files } from './files.ts'
import type { Fuzzer } from './fuzzer.ts'
import { headers } from './headers.ts'
import { hooks } from './hooks.ts'
import { httpAnswers } from './http-answers.ts'
import { proxy } from './proxy.ts'
import { replies } from './replies.ts'
import { rspamd, spamd } from './scanners.ts'
import { texts } from './texts.ts'
import { xclient } from './xclient.ts'

export const fuzzers: readonly Fuzzer[] = [
  dialogues,
  replies,
  headers,
  texts,
  addresses,
  proxy,
  xclient,
  files,
  rspamd,
  spamd,
  hooks,
  httpAnswers,
]
