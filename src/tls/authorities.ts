/** Files with the certificates of authorities that Rcptwise believes in place of Node's own. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'

/**
 * The certificates of the file, each in PEM. `key` is the key of the configuration that names it.
 *
 * @throws Error that says which file and key, and what is wrong with them
 */
export function readAuthorities(file: string, key: string): string[] {
  try {
    const found =
      readFileSync(file, 'utf8').match(
        /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g,
      ) ?? []
    if (found.length === 0) throw new Error('holds no certificate in PEM form')
    return found.map((pem) => new X509Certificate(pem).toString())
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`${file}: ${why}; check ${key}`, { cause: error })
  }
}
