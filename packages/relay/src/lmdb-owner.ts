import { readFileSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import process from 'node:process'

/** The process that uses a data folder. */
export interface Owner {
  readonly pid: number
  readonly host: string
  /** When it was started, where the system says so: process ids are used again. */
  readonly started: string
  /** The folder itself: a copy of it, made while it was in use, is not in use. */
  readonly place: string
}

/** This process, as the owner of `folder`. */
export function ownerOf(folder: string): Owner {
  const { dev, ino } = statSync(folder)
  return { pid: process.pid, host: hostname(), started: startOf(process.pid), place: `${dev}:${ino}` }
}

/**
 * Whether the owner that a folder names is still there and is not `self`. A process on another machine cannot be asked; it is
 * taken for gone, since a restarted container has a new host name. Should it live, `append` finds out.
 */
export function isAlive(owner: Owner, self: Owner): boolean {
  if (owner.host !== self.host || owner.place !== self.place) return false
  return owner.pid !== self.pid && isRunning(owner)
}

/** Whether a process of this machine still runs. */
export function isRunning({ pid, started }: Pick<Owner, 'pid' | 'started'>): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return startOf(pid) === started
}

/** When a process was started, in the system's ticks since boot; empty where there is no /proc. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name of the program, in parentheses, may hold anything. The start is the 22nd field.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    // No /proc on this system, or the process has just gone. Both are answers.
    return ''
  }
}
