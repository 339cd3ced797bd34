/** Errors as a person at a terminal wants them: code, what, hint; a stack only where `INGOT_DEBUG` is set. */
import { CommanderError } from 'commander'
import pc from 'picocolors'
import { IngotError } from '../src/index.js'

/** Prints an error to stderr and returns the exit code: 1, or 0 where commander only printed help or the version. */
export function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1
  if (error instanceof IngotError) {
    const [what, ...rest] = error.message.split('\n')
    console.error(`${pc.red('error')} ${pc.bold(error.code)}: ${what}`)
    for (const line of rest) console.error(line)
  } else {
    console.error(`${pc.red('error')} ${pc.bold('internal')}: ${error instanceof Error ? error.message : String(error)}`)
    console.error('  hint: this is a bug in Ingot; set INGOT_DEBUG=stack for the stack and please report it')
  }
  if (process.env['INGOT_DEBUG'] !== undefined && error instanceof Error) console.error(error.stack)
  return 1
}
