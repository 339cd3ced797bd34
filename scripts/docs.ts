/**
 * Writes the generated documents: `npm run docs`. Both are derived, so that they cannot say anything but what is:
 * docs/ops.md from the op records, docs/life-of-a-model.md from a small graph on its way through the compiler.
 */
import { writeFile } from 'node:fs/promises'
import { lifeOfAModel } from './life-of-a-model.js'
import { opsTable } from './ops-table.js'

await writeFile('docs/ops.md', opsTable())
await writeFile('docs/life-of-a-model.md', await lifeOfAModel())
