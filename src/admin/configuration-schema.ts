/** What the admin API tells of the configuration in force, as a schema. */
import { z } from 'zod'

const moment = z.number().describe('Milliseconds since 1970-01-01 00:00 UTC.')

export const configuration = z.object({
  since: moment.describe('When it was loaded.'),
  file: z.string().optional(),
  needRestart: z
    .array(z.string())
    .describe('Keys that the last reload has changed in the file, and that need a restart.'),
  refused: z
    .object({ at: moment, why: z.array(z.string()) })
    .optional()
    .describe('Why the last reload was refused; the configuration before it is in force.'),
  values: z
    .array(
      z.object({
        key: z.string(),
        value: z.string().describe('As one writes it; of a secret: (hidden).'),
        from: z.string().describe('FILE:LINE, an option of the command line, or `default`.'),
      }),
    )
    .describe('All of its values; those of keys in `needRestart` hold after a restart.'),
})

export type ConfigurationJson = z.output<typeof configuration>
