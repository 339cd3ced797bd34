/** Errors as a person at a terminal wants them: code, what, hint; a stack only where `INGOT_DEBUG` names `stack`. */
import { CommanderError } from 'commander'
import pc from 'picocolors'
import { IngotError } from '../src/index.js'

/** Prints an error to stderr and returns the exit code: 1, or 0 where commander only printed help or the version. */
export function report(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0
    if (error.code !== 'commander.help') print('bad-option', error.message.replace(/^error: /, ''), '  hint: run the command with --help for its options and an example')
    return 1
  }
  if (error instanceof IngotError) {
    const [what, ...rest] = error.message.split('\n')
    print(error.code, what ?? '', ...rest)
  } else {
    print('internal', error instanceof Error ? error.message : String(error), '  hint: this is a bug in Ingot; set INGOT_DEBUG=stack for the stack and please report it')
  }
  if (process.env['INGOT_DEBUG']?.split(',').some((w) => w.trim() === 'stack') === true && error instanceof Error) console.error(error.stack)
  return 1
}

function print(code: string, what: string, ...rest: readonly string[]): void {
  console.error([`${pc.red('error')} ${pc.bold(code)}: ${what}`, ...rest].join('\n'))
}
