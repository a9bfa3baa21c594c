import { useStatus, useStore } from '@syncline/react'
import type { Status } from '@syncline/store'
import clsx from 'clsx'
import { Check, Cloud, CloudOff, MemoryStick, MonitorCheck, TriangleAlert } from 'lucide-react'
import { Popover, Switch } from 'radix-ui'
import { useId, type ReactNode } from 'react'
import { SaveCopy, TakeInCopy } from './Copies.tsx'
import { Kept } from './Kept.tsx'
import { Refused } from './Refused.tsx'
import { Told } from './Told.tsx'
import { linkTrouble, storageTrouble } from './troubles.ts'
import { useCountdown } from './use-countdown.ts'
import { linkWords, placeOf, savedWords, several } from './words.ts'

export const SAVING_ELEMENT_ID = 'saving'

const places = ['memory', 'device', 'relay'] as const

/** Where our changes are, always in sight; what that means, on demand. */
export function Saving() {
  const status = useStatus()
  const seconds = useCountdown(status.link === 'waiting' ? status.retryAtMs : undefined)
  const place = placeOf(status)
  const reached = places.indexOf(place)
  const link = linkWords(status, seconds)
  const isStuck = status.link === 'waiting' && status.retryAtMs === undefined
  const trouble = storageTrouble(status)
  const alarm = status.refused > 0 || trouble !== undefined || isStuck

  return (
    <Popover.Root>
      <Popover.Trigger
        id={SAVING_ELEMENT_ID}
        data-testid="saving"
        data-saved={status.saved}
        data-link={status.link}
        data-pending={status.pending}
        data-unsaved={status.unsaved}
        aria-label={`Saving: ${savedWords(status)}. ${link}.${alarm ? ' Needs attention.' : ''}`}
        className="flex h-8 items-center gap-2 rounded-full px-2.5 text-[13px] text-ink-2 transition-colors hover:bg-hover hover:text-ink"
      >
        {alarm ? (
          <TriangleAlert className="size-4 text-warn" aria-hidden />
        ) : (
          <span className="flex items-center gap-[3px]" aria-hidden>
            {places.map((each, index) => (
              <span
                key={each}
                className={clsx(
                  'h-1.5 rounded-full transition-all duration-300',
                  index <= reached ? (place === 'relay' ? 'bg-good' : 'bg-warn') : 'bg-line-strong',
                  index === reached ? 'w-3.5' : 'w-1.5',
                )}
              />
            ))}
          </span>
        )}
        <span className="whitespace-nowrap tabular-nums max-sm:sr-only">{savedWords(status)}</span>
        {status.link !== 'online' && (
          <span
            className={clsx(
              'border-l border-line-strong pl-2 whitespace-nowrap tabular-nums max-lg:sr-only',
              (status.link === 'connecting' || status.link === 'catching-up') && 'animate-breathe',
            )}
          >
            {link}
          </span>
        )}
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="end"
          sideOffset={8}
          collisionPadding={12}
          aria-label="Saving and link"
          className="z-40 max-h-(--radix-popover-content-available-height) w-[min(23rem,calc(100vw-1.5rem))] origin-(--radix-popover-content-transform-origin) animate-rise overflow-y-auto rounded-2xl bg-raised p-4 shadow-float outline-none"
        >
          <h3 className="font-semibold">Where your changes are</h3>
          {trouble && <Told trouble={trouble} />}
          <ol className="mt-3">
            <Step
              icon={<MemoryStick />}
              title="In memory"
              reached
              isLast={false}
              note={status.unsaved > 0 ? `${several(status.unsaved, 'change')} not saved yet` : undefined}
            >
              Shown in this tab at once. Gone if it closes right now.
            </Step>
            <Step
              icon={<MonitorCheck />}
              title="On this device"
              reached={reached >= 1}
              isLast={false}
              note={status.pending > 0 ? `${several(status.pending, 'change')} not on the relay yet` : undefined}
            >
              Survives a reload and a crash, and is in your other tabs. In a private window, until that is closed.{' '}
              <Kept />
            </Step>
            <Step icon={<Cloud />} title="On the relay" reached={reached >= 2} isLast note={undefined}>
              Safe if you lose this device. Everybody on this board gets it.
            </Step>
          </ol>
          <LinkPart status={status} words={link} />
          <Refused count={status.refused} />
          <section className="mt-4 border-t border-line pt-3" aria-label="Copies">
            <h3 className="font-semibold">A copy in a file</h3>
            <p className="mt-1 text-[13px] text-ink-2">
              Safe from all that may happen to a browser. Taking it in adds what is missing here, and takes nothing
              away.
            </p>
            <div className="mt-2 flex flex-wrap gap-2">
              <SaveCopy />
              <TakeInCopy />
            </div>
          </section>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  )
}

function Step({
  icon,
  title,
  reached,
  isLast,
  note,
  children,
}: {
  readonly icon: ReactNode
  readonly title: string
  readonly reached: boolean
  readonly isLast: boolean
  readonly note: string | undefined
  readonly children: ReactNode
}) {
  return (
    <li className="flex gap-3">
      <span className="flex flex-col items-center" aria-hidden>
        <span
          className={clsx(
            'flex size-8 items-center justify-center rounded-full transition-colors duration-300 [&_svg]:size-4',
            reached ? 'bg-good-soft text-good' : 'bg-lane text-ink-3',
          )}
        >
          {icon}
        </span>
        {!isLast && <span className={clsx('my-1 w-px flex-1', reached ? 'bg-good' : 'bg-line-strong')} />}
      </span>
      <div className={clsx('min-w-0 flex-1', !isLast && 'pb-4')}>
        <div className="flex items-center gap-1.5 leading-8 font-medium">
          {title}
          {reached && <Check className="size-3.5 text-good" aria-label="reached by your newest change" />}
        </div>
        <p className="text-[13px] text-ink-2">{children}</p>
        {note !== undefined && <p className="mt-1 text-[13px] text-warn tabular-nums">{note}</p>}
      </div>
    </li>
  )
}

function LinkPart({ status, words }: { readonly status: Status; readonly words: string }) {
  const id = useId()
  const trouble = linkTrouble(status)
  return (
    <div className="mt-4 border-t border-line pt-3">
      <div className="flex items-center gap-3">
        {status.link === 'off' ? (
          <CloudOff className="size-4 text-ink-3" aria-hidden />
        ) : (
          <Cloud className={clsx('size-4', status.link === 'online' ? 'text-good' : 'text-warn')} aria-hidden />
        )}
        <span className="flex-1 font-medium tabular-nums" id={id}>
          {words}
        </span>
      </div>
      {trouble && <Told trouble={trouble} />}
      {status.link === 'off' && !trouble && (
        <p className="mt-1.5 text-[13px] text-ink-2">
          Keep working. What you do here is sent when the link is back on.
        </p>
      )}
    </div>
  )
}

/** Opens and closes the link, for all tabs of this browser. */
export function LinkSwitch() {
  const store = useStore()
  const link = useStatus((status) => status.link)
  return (
    <label className="flex items-center gap-2 text-[13px] text-ink-2" title="The link to the relay, for all your tabs">
      <span className="max-sm:sr-only">Link</span>
      <Switch.Root
        data-testid="link-switch"
        aria-label="Link to the relay"
        checked={link !== 'off'}
        onCheckedChange={(on) => (on ? store.connect() : store.disconnect())}
        className="group relative h-[18px] w-8 rounded-full bg-line-strong transition-colors duration-200 data-[state=checked]:bg-good"
      >
        <Switch.Thumb className="block size-3.5 translate-x-0.5 rounded-full bg-white shadow-sm transition-transform duration-200 data-[state=checked]:translate-x-4" />
      </Switch.Root>
    </label>
  )
}
