import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The version of the git on this machine; undefined when there is none, or no bash that tells what a process took. */
export function gitVersion() {
  const { stdout, status } = spawnSync('git', ['--version'], { encoding: 'utf8' })
  return status === 0 && spawnSync('bash', ['--version']).status === 0 ? stdout.trim().split(' ')[2] : undefined
}

/** Git as a contender: reads three files and writes the merge, in a process of its own, as it always is. */
export function openGit() {
  const folder = mkdtempSync(join(tmpdir(), 'syncline-bench-'))
  return {
    /** The milliseconds of processor time of one merge, and what came of it. */
    sample(texts) {
      for (const side of ['mine', 'base', 'theirs']) writeFileSync(join(folder, side), texts[side])
      const script = 'TIMEFORMAT="%3U %3S"; time git merge-file -p mine base theirs > merged 2>/dev/null'
      const { stderr, status } = spawnSync('bash', ['-c', script], { cwd: folder, encoding: 'utf8' })
      const [user, system] = stderr.trim().split(/\s+/).map(Number)
      const merged = spawnSync('cat', ['merged'], { cwd: folder, maxBuffer: 2 ** 30 }).stdout
      const text = status === 0 ? createHash('sha256').update(merged).digest('hex') : undefined
      return { ms: (user + system) * 1000, clean: status === 0, text }
    },
    close: () => rmSync(folder, { recursive: true }),
  }
}
