import { useStatus } from '@syncline/react'
import clsx from 'clsx'
import { TriangleAlert, X } from 'lucide-react'
import { useState } from 'react'
import { IconButton } from '../parts/Button.tsx'
import { Details } from '../parts/Details.tsx'
import { focusOn } from '../parts/focus.ts'
import { Remedy } from './Remedy.tsx'
import { SAVING_ELEMENT_ID } from './Saving.tsx'
import { linkTrouble, storageTrouble, type Trouble } from './troubles.ts'

/** What somebody must know before going on to work. */
export function Banners() {
  const status = useStatus()
  const storage = storageTrouble(status)
  const link = linkTrouble(status)
  return (
    <>
      {storage && <Banner key={storage.name} trouble={storage} />}
      {link && link.tone !== 'calm' && <Banner key={link.name} trouble={link} />}
    </>
  )
}

/** One trouble. When it is over and comes again it is shown again, though it was closed before. */
function Banner({ trouble }: { readonly trouble: Trouble }) {
  const [isClosed, setClosed] = useState(false)
  const { tone, title, text, isClosable, details } = trouble

  function close(): void {
    setClosed(true)
    // The same is said there as long as it is so.
    focusOn(SAVING_ELEMENT_ID)
  }

  if (isClosed) return null
  return (
    <div
      role={isClosable ? 'status' : 'alert'}
      data-testid="banner"
      data-trouble={trouble.name}
      className={clsx(
        'mx-4 mb-2 flex flex-wrap items-center gap-x-3 gap-y-2 rounded-xl py-2.5 pr-2.5 pl-4 text-[13px]',
        tone === 'bad' ? 'bg-bad-soft' : 'bg-warn-soft',
      )}
    >
      <TriangleAlert
        className={clsx('mt-0.5 size-4 shrink-0 self-start', tone === 'bad' ? 'text-bad' : 'text-warn')}
        aria-hidden
      />
      <div className="min-w-0 flex-1 basis-60">
        <p>
          <strong className="font-semibold">{title}.</strong> {text}
        </p>
        <Details>{details}</Details>
      </div>
      <div className="flex items-center gap-1.5 max-sm:w-full max-sm:justify-end">
        <Remedy trouble={trouble} onDone={close} />
        {isClosable && (
          <IconButton label="Close" onClick={close}>
            <X />
          </IconButton>
        )}
      </div>
    </div>
  )
}
