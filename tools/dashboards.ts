/**
 * Writes grafana/dashboards/*.json from tools/dashboards: `node tools/dashboards.ts`. A test fails
 * when they are stale.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Board, dashboard } from './dashboards/board.ts'
import { forcedRetries } from './dashboards/forced-retries.ts'
import { logBoard } from './dashboards/log.ts'
import { overview } from './dashboards/overview.ts'
import { processBoard } from './dashboards/process.ts'
import { servers } from './dashboards/servers.ts'

export const dashboardsFolder = fileURLToPath(new URL('../grafana/dashboards/', import.meta.url))

const boards: readonly Board[] = [overview, forcedRetries, servers, processBoard, logBoard]

/** The text of each file, by its name. */
export const renderDashboards = (): ReadonlyMap<string, string> =>
  new Map(
    boards.map((board) => [
      `${board.uid}.json`,
      `${JSON.stringify(dashboard(board), undefined, 2)}\n`,
    ]),
  )

if (import.meta.main)
  for (const [name, text] of renderDashboards()) writeFileSync(`${dashboardsFolder}${name}`, text)
