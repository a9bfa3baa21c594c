import type { Status } from '@syncline/store'

/** A count with its noun. */
export function several(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

/** What the link is doing, in a word or two. */
export function linkWords(status: Status, secondsToRetry: number | undefined): string {
  switch (status.link) {
    case 'online':
      return 'Online'
    case 'connecting':
      return 'Connecting …'
    case 'catching-up':
      return 'Catching up …'
    case 'waiting':
      return secondsToRetry === undefined || secondsToRetry <= 0
        ? 'Trying again …'
        : `Trying again in ${secondsToRetry} s`
    case 'off':
      return 'Link is off'
  }
}

/** Where our newest changes are. On a board that nobody has written on there are none: with the link up, the relay has all there is. */
export function placeOf({ saved, pending, link }: Status): Status['saved'] {
  return saved === 'device' && pending === 0 && link === 'online' ? 'relay' : saved
}

/** The same in a few words. */
export function savedWords(status: Status): string {
  switch (placeOf(status)) {
    case 'memory':
      return status.storage === 'saving' ? 'Saving …' : 'In memory'
    case 'device':
      return status.pending > 0 ? `On this device, ${status.pending} to send` : 'On this device'
    case 'relay':
      return 'On the relay'
  }
}
