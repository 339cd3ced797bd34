/** How the command and its children talk: a child gets its job as JSON and leaves its result in a file. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The job of this process. */
export const readJob = () => JSON.parse(process.argv[2] ?? '{}')

/** Ends this process with its result, whatever threads its contestants keep. */
export function finishJob(result) {
  const { out } = readJob()
  if (out === undefined) console.log(JSON.stringify(result, null, 1))
  else {
    mkdirSync(dirname(out), { recursive: true })
    writeFileSync(out, JSON.stringify(result))
  }
  process.exit(0)
}

/** Runs a part of the bench in a process of its own; its result, or undefined (with its last words printed) where it failed. */
export function runPart(node, part, job) {
  rmSync(job.out, { force: true })
  const script = fileURLToPath(new URL(`parts/${part}.js`, import.meta.url))
  const { status, stderr } = spawnSync(node, [script, JSON.stringify(job)], { encoding: 'utf8', stdio: ['ignore', 'inherit', 'pipe'], timeout: 600_000 })
  if (status === 0) return JSON.parse(readFileSync(job.out, 'utf8'))
  console.error(`${part} ${job.name ?? ''} failed: ${/^\w*Error.*/m.exec(stderr)?.[0] ?? stderr.trim().split('\n').at(-1)}`)
  return undefined
}
