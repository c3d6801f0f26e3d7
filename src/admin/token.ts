/**
 * The bearer token of the admin API (RFC 6750 2.1), from a file that may be replaced while serve
 * runs.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'

export interface BearerToken {
  /**
   * Whether the value of an Authorization header shows this token; takes the same time whatever is
   * wrong.
   */
  admits(authorization: string | undefined): Promise<boolean>
}

/**
 * Reads the token, white space around it removed. At each look-up the file's stamp is compared and
 * a changed file is read again; one that is gone or empty by then leaves the old token in force,
 * and `onTrouble` is told once.
 * @throws Error when the file can't be read or is empty at the start.
 */
export async function openTokenFile(
  path: string,
  onTrouble: (why: string) => void = () => undefined,
): Promise<BearerToken> {
  let stamp = await stampOf(path)
  let token = await readToken(path)
  let trouble = ''
  const refresh = async (): Promise<void> => {
    try {
      const now = await stampOf(path)
      if (now === stamp) return
      stamp = now
      token = await readToken(path)
      trouble = ''
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      if (why !== trouble) onTrouble(`${why}; the token read before stays in force`)
      trouble = why
    }
  }
  return {
    async admits(authorization) {
      await refresh()
      const shown = /^bearer +([^ ]+) *$/i.exec(authorization ?? '')?.[1] ?? ''
      return timingSafeEqual(digest(shown), digest(token)) && shown !== ''
    },
  }
}

/** Digests have equal lengths, which timingSafeEqual needs and which hides the token's. */
const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

async function stampOf(path: string): Promise<string> {
  const { ctimeNs, mtimeNs, size, ino } = await stat(path, { bigint: true })
  return [ctimeNs, mtimeNs, size, ino].join(' ')
}

async function readToken(path: string): Promise<string> {
  const token = (await readFile(path, 'utf8')).trim()
  if (token === '')
    throw new Error(`${path} is empty: write the token of the admin API into it, on one line`)
  if (/[^\x21-\x7e]/.test(token))
    throw new Error(`${path} must hold one token of visible ASCII characters, without spaces`)
  return token
}
