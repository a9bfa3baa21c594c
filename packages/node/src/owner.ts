import { readFileSync, statSync } from 'node:fs'
import process from 'node:process'

/** The process that uses a folder. A process id alone would not do: they are used again. */
export interface Owner {
  readonly pid: number
  /** When it was started, in the system's ticks since it runs; empty where the system does not say. */
  readonly started: string
  /** The folder itself: a copy of it is used by nobody. */
  readonly place: string
}

/** This process, as the owner of a folder. */
export function ownerOf(folder: string): Owner {
  const { dev, ino } = statSync(folder)
  return { pid: process.pid, started: startOf(process.pid), place: `${dev}:${ino}` }
}

/** Whether somebody else than `self` uses what names this owner. */
export function isInUse({ pid, started, place }: Owner, self: Owner): boolean {
  if (pid === self.pid || place !== self.place) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    // It lives, and belongs to another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return startOf(pid) === started
}

function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // Behind the name of the program, which may have anything in it: the 22nd field of all.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}
