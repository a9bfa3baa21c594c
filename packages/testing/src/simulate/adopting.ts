import { decodeChange, decodeHeader } from '@syncline/protocol'
import { codeOf } from './ledger.ts'
import { SPACE } from './tab.ts'
import type { World } from './world.ts'

/** What an operator may say of what relay refs hold after a loss. */
const CHOICES = ['brought back', 'log'] as const

/** Whether something in the relay's log waits for the operator: it was brought back, and nothing was adopted since. */
function waitsForOperator({ host }: World): boolean {
  const records = host.disk.records(SPACE)
  for (let at = records.length - 1; at >= 0; at--) {
    const { join, adoption } = headerOf(records[at]!)
    if (adoption !== undefined) return false
    if (join?.left === 0) return join.decided !== undefined
  }
  return false
}

/** The operator adopts what waits, the one or the other; where nothing does, or the relay dies meanwhile, nothing happens. */
export function adopt(world: World): void {
  const { host, ledger, tally, kernel } = world
  const running = host.running()
  if (running === undefined || world.adopting === running || !waitsForOperator(world)) return
  const takeBack = (records: readonly Uint8Array[]): void => {
    const numbers = new Set<unknown>(records.map((record) => decodeChange(record).meta))
    for (const deed of ledger.deeds) if (numbers.has(deed.number)) deed.isTakenBack = true
  }
  const take = CHOICES[kernel.decider.choose('what is adopted', CHOICES.length)]!
  world.adopting = running
  // When the relay dies meanwhile nobody says what was taken back, if it was.
  const stopWatching = running.life.onEnd(() => {
    if (world.adopting === running) world.adopting = undefined
    takeBack(host.disk.records(SPACE).filter((record) => headerOf(record).expectations !== undefined))
  }, 'adoption')
  running.relay.adopt(SPACE, { take }).then(
    ({ takenBack }) => {
      stopWatching()
      world.adopting = undefined
      tally.count(`adopted: ${take}`)
      tally.count('taken back', takenBack.length)
      const records = host.disk.records(SPACE)
      const gone = new Set(takenBack.map(({ writer }) => writer))
      takeBack(records.filter((record) => gone.has(headerOf(record).writer)))
    },
    (error: unknown) => {
      stopWatching()
      world.adopting = undefined
      if (['nothing-waits', 'storage-failed', 'closed'].includes(codeOf(error) ?? '')) return
      world.fail({ check: 'error', message: `The operator adopts: ${String(error)}`, cause: error })
    },
  )
}

const headers = new WeakMap<Uint8Array, ReturnType<typeof decodeHeader>>()

function headerOf(record: Uint8Array): ReturnType<typeof decodeHeader> {
  let header = headers.get(record)
  if (header === undefined) headers.set(record, (header = decodeHeader(record)))
  return header
}
