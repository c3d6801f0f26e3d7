/** What others write in JSON. Pure. */
export type Json = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export function readObject(body: Buffer): { readonly object: Json } | { readonly failed: string } {
  let answer: unknown
  try {
    answer = JSON.parse(body.toString('utf8'))
  } catch {
    return { failed: 'its answer is no JSON' }
  }
  return isObject(answer) ? { object: answer } : { failed: 'its answer is no object' }
}
