/** The key of `addresses: hash`, beside the history: made once, and read by its owner alone. */
import { randomBytes } from 'node:crypto'
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

const keyOctets = 32

export const keyFileOf = (path: string): string => `${path}.key`

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'

/** Made when there is none; of two processes that make one at the same time one wins. @throws */
export function ownKey(path: string): Buffer {
  const file = keyFileOf(path)
  try {
    return readKey(file)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  const made = `${file}.${randomBytes(6).toString('hex')}`
  writeFileSync(made, randomBytes(keyOctets).toString('hex'), { mode: 0o600, flag: 'wx' })
  try {
    linkSync(made, file)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    rmSync(made)
  }
  return readKey(file)
}

/** For who only asks; where there is none nothing was hashed. @throws */
export function keyIfAny(path: string): Buffer {
  try {
    return readKey(keyFileOf(path))
  } catch (error) {
    if (isMissing(error)) return Buffer.alloc(keyOctets)
    throw error
  }
}

function readKey(file: string): Buffer {
  const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'hex')
  if (key.length !== keyOctets) throw new Error(`${file} holds no key of ${keyOctets} octets`)
  return key
}
