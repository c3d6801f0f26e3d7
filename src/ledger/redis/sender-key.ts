/** A sender as the server knows it, and what follows from that. */
import { hash } from 'node:crypto'

/** SENDER in scripts.ts: without blanks, and never longer. */
export const senderKey = (reversePath: string): string =>
  `s${hash('sha1', reversePath, 'base64url')}`

/** 24 bits of the hash, which are four characters of base64url. */
const bitsAt = (key: string, at: number): number =>
  Buffer.from(key.slice(at, at + 4), 'base64url').readUIntBE(0, 3)

/** For the bits in memory (sender-bits.ts). */
export const hashOf = (key: string): number => bitsAt(key, 1)

/** Which of the shards has what is open of the sender. */
export const shardOf = (key: string, shards: number): number => bitsAt(key, 5) % shards
