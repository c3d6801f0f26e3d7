/** The self-signed certificate that is kept in the data directory while none is configured. */
import { randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeCertificate, type PemPair } from './certificate-pair.ts'

/** Key and certificate are one file, so that one rename replaces both. */
const fileName = 'self-signed.pem'
/** A certificate that ends within this time is made anew; it is looked at once an hour. */
const renewBeforeMs = 30 * 86_400_000

export interface PemOfFiles {
  readonly pem: PemPair
  readonly files: PemPair
}

/**
 * The self-signed certificate in `directory`, made when there is none, when it is for another host,
 * has (nearly) expired or can't be used. The file has mode 0600. `now` is in ms since the epoch.
 * Rejects when the directory can't be written.
 */
export async function keepSelfSigned(
  hostname: string,
  directory: string,
  now: number,
): Promise<PemOfFiles> {
  const file = join(directory, fileName)
  const kept = await readKept(file)
  const files = { cert: file, key: file }
  if (kept !== undefined) {
    const certificate = makeCertificate(kept, files)
    if (certificate.expiresAt - now > renewBeforeMs && certificate.fits(hostname))
      return { pem: kept, files }
  }
  // Loaded once in years: what makes certificates takes some megabytes.
  const { makeSelfSigned } = await import('./self-signed.ts')
  const made = await makeSelfSigned(hostname, now)
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await replace(file, `${made.key}${made.cert}`)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(
      `${file}: can't keep the self-signed certificate: ${why}; check data_directory`,
      { cause: error },
    )
  }
  return { pem: made, files }
}

/** The one kept from before; undefined when there is none that can be used. */
async function readKept(file: string): Promise<PemPair | undefined> {
  try {
    const text = await readFile(file, 'utf8')
    const pem = { cert: text, key: text }
    makeCertificate(pem, { cert: file, key: file })
    return pem
  } catch {
    // Whatever is wrong with it, a new one is as good.
    return undefined
  }
}

/**
 * Written beside and renamed, so that a crash leaves the old file or the new one, never half a key.
 */
async function replace(file: string, content: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}`
  try {
    await using handle = await open(temporary, 'wx', 0o600)
    await handle.writeFile(content)
    await handle.sync()
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
