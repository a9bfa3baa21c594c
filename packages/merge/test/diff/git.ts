import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Triple } from './triples.ts'

/** What git makes of a triple: whether it is clean, and the text in both styles. */
export interface GitMerge {
  readonly clean: boolean
  readonly text: string
  readonly withBase: string
}

/** How the versions are called in the marks. */
export const names = { mine: 'mine', base: 'base', theirs: 'theirs' } as const

/** The version of the git on this machine; undefined when there is none. */
export function gitVersion(): string | undefined {
  const { stdout, status } = spawnSync('git', ['--version'], { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

/** A folder in which git merges triples, until it is closed. */
export function openGit(): { merge(triple: Triple): GitMerge; close(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'merge-file-'))
  const run = (...options: readonly string[]): { readonly conflicts: number; readonly text: string } => {
    const labels = Object.values(names).flatMap((name) => ['-L', name])
    // Not in a repository and without anybody's settings, which may name another style.
    const env = {
      ...process.env,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_DIR: join(folder, 'none'),
    }
    const args = ['merge-file', '-p', ...options, ...labels, 'mine', 'base', 'theirs']
    const { stdout, status } = spawnSync('git', args, { cwd: folder, env, maxBuffer: 2 ** 28, encoding: 'utf8' })
    if (status === null || status > 127) throw new Error(`git merge-file ended with ${status}.`)
    return { conflicts: status, text: stdout }
  }
  return {
    merge: (triple) => {
      for (const side of ['mine', 'base', 'theirs'] as const) writeFileSync(join(folder, side), triple[side])
      const { conflicts, text } = run()
      return { clean: conflicts === 0, text, withBase: run('--diff3').text }
    },
    close: () => rmSync(folder, { recursive: true }),
  }
}
