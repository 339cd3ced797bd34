/** Where the shared reference data lie: `INGOT_SHARED`, or the folder `shared` beside the repository. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of shared data; it may not exist. */
export const SHARED = process.env['INGOT_SHARED'] ?? join(dirname(fileURLToPath(import.meta.url)), '../../../shared')

/** True where the shared data are there; says on the console that tests are skipped where not. */
export function haveShared(folder: string): boolean {
  const found = existsSync(join(SHARED, folder))
  if (!found) console.warn(`skipped: there is no ${folder} in ${SHARED}; set INGOT_SHARED to the folder that has it`)
  return found
}
