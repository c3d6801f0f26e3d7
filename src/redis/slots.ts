/**
 * The slots of a cluster: hash tags that lie evenly among them, however many nodes share them.
 * Pure. (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/)
 */

const slots = 16_384

/** CRC16 as the cluster takes it (XMODEM), of a text in ASCII or UTF-8. */
export function slotOf(hashTag: string): number {
  let crc = 0
  for (const octet of Buffer.from(hashTag)) {
    crc ^= octet << 8
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
    }
    crc &= 0xffff
  }
  return crc % slots
}

/**
 * So many hash tags that begin with `stem`, each in its part of the slots: nodes that have as many
 * slots get as many of the tags.
 */
export function spreadTags(stem: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, part) => tagIn(`${stem}.${part}`, part, count))
}

function tagIn(name: string, part: number, count: number): string {
  const isThere = (tag: string): boolean => Math.floor((slotOf(tag) * count) / slots) === part
  for (let tries = 0; ; tries += 1) {
    const tag = tries === 0 ? name : `${name}-${tries}`
    if (isThere(tag)) return tag
  }
}
