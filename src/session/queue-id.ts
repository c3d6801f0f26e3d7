/** The id under which the server behind has a message, where its reply has one of a known form. */
import { describeReply, ofLastReply, type Reply } from '../smtp/reply.ts'

const queueIdForms = [
  /queued as ([0-9A-Za-z]+)/,
  /\bid=([0-9A-Za-z-]+)/,
  /^\d\.\d\.\d ([0-9A-Za-z]{8,}) Message accepted/,
]

export const queueIdIn = ofLastReply((reply: Reply): string | undefined => {
  const words = describeReply(reply)
  for (const form of queueIdForms) {
    const id = form.exec(words)?.[1]
    if (id !== undefined) return id
  }
  return undefined
})
