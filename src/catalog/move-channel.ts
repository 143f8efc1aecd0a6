import {
  type CatalogOptions,
  channelOf,
  type Proposal,
  type PublishedImage,
  type SeenChannel,
  type TemplateIndex,
} from '../model/catalog.ts';
import { AppError } from '../util/errors.ts';
import { refuseRevoked } from './find-image.ts';
import { supportFault, supportOf } from '../model/support.ts';

/** How channels move: by one person, or by as many as the configuration asks for. */

/**
 * Moves a channel, or proposes it, or adds an approval to the same proposal; the same index when it is so already. Without `seen` the channel
 * moves from wherever it is.
 * @throws AppError CONFLICT, REVOKED
 */
export function withMove(
  index: TemplateIndex,
  channel: string,
  image: PublishedImage,
  seen: SeenChannel | undefined,
  options: CatalogOptions,
): TemplateIndex {
  refuseRevoked(image);
  const now = channelOf(index, channel);
  if (now?.digest === image.digest) return index;
  refuseUnsupported(image, options);
  if (seen !== undefined && (now?.digest ?? 'none') !== seen) throw movedMeanwhile(index, channel);
  const needed = neededFor(channel, options);
  if (needed < 2) return moved(index, channel, image, options);
  const open = index.proposals.find((proposal) => proposal.channel === channel && proposal.digest === image.digest);
  if (open && open.seen === (now?.digest ?? 'none')) return withApproval(index, open, options);
  const proposal: Proposal = {
    channel,
    version: image.version,
    digest: image.digest,
    seen: now?.digest ?? 'none',
    needed,
    approvals: [{ by: personOf(options), at: timeOf(options) }],
  };
  return { ...index, proposals: [...index.proposals.filter((other) => other.channel !== channel), proposal] };
}

/** Approves what is proposed for a channel. @throws AppError NOT_FOUND, CONFLICT, REVOKED; USAGE for one's own proposal */
export function withApprovalOf(index: TemplateIndex, channel: string, options: CatalogOptions): TemplateIndex {
  const proposal = index.proposals.find((candidate) => candidate.channel === channel);
  if (!proposal) {
    throw new AppError('NOT_FOUND', `Nothing is proposed for the channel ${channel} of ${index.template}`, {
      hint: 'gabarit catalog promote proposes an image for a channel that needs approval.',
    });
  }
  const approved = withApproval(index, proposal, options);
  if (approved === index) {
    throw new AppError(
      'USAGE',
      `${personOf(options)} has approved ${index.template}@${proposal.version} for ${channel} already`,
      {
        hint: 'Another person must approve it (--by NAME).',
      },
    );
  }
  return approved;
}

function withApproval(index: TemplateIndex, proposal: Proposal, options: CatalogOptions): TemplateIndex {
  const by = personOf(options);
  if (proposal.approvals.some((approval) => approval.by === by)) return index;
  const image = index.images.find(({ digest }) => digest === proposal.digest);
  if (!image) throw new AppError('NOT_FOUND', `${index.template}@${proposal.version} is not there any more`);
  refuseRevoked(image);
  if ((channelOf(index, proposal.channel)?.digest ?? 'none') !== proposal.seen) throw movedMeanwhile(index, proposal.channel);
  const approvals = [...proposal.approvals, { by, at: timeOf(options) }];
  if (approvals.length >= Math.max(proposal.needed, neededFor(proposal.channel, options))) {
    return moved(index, proposal.channel, image, options, approvals);
  }
  const rest = index.proposals.filter((other) => other !== proposal);
  return { ...index, proposals: [...rest, { ...proposal, approvals }] };
}

function moved(
  index: TemplateIndex,
  channel: string,
  { version, digest }: PublishedImage,
  options: CatalogOptions,
  approvals?: Proposal['approvals'],
): TemplateIndex {
  const pointer = { version, digest, promoted: timeOf(options), by: personOf(options), ...(approvals ? { approvals } : {}) };
  return {
    ...index,
    channels: { ...index.channels, [channel]: pointer },
    proposals: index.proposals.filter((proposal) => proposal.channel !== channel),
  };
}

/** What waits for approval of a move of this channel to this image. */
export function pendingMove(index: TemplateIndex, channel: string, image: PublishedImage): Proposal | undefined {
  return index.proposals.find((proposal) => proposal.channel === channel && proposal.digest === image.digest);
}

function neededFor(channel: string, { approvals = {} }: CatalogOptions): number {
  return Object.hasOwn(approvals, channel) ? (approvals[channel] ?? 1) : 1;
}

export function personOf({ by = 'somebody' }: CatalogOptions): string {
  return by;
}

export function timeOf({ now }: CatalogOptions): string {
  return (now?.() ?? new Date()).toISOString();
}

function refuseUnsupported(image: PublishedImage, options: CatalogOptions): void {
  const day = options.now?.() ?? new Date();
  if (options.allowUnsupported || supportOf(image, day) !== 'none') return;
  throw new AppError('SUPPORT_ENDED', supportFault(image, day) ?? '', {
    hint: 'Build on a newer release. --unsupported lets a channel point at it all the same.',
  });
}

function movedMeanwhile(index: TemplateIndex, channel: string): AppError {
  const now = channelOf(index, channel)?.version ?? 'nothing';
  return new AppError('CONFLICT', `The channel ${channel} of ${index.template} was moved meanwhile: it points at ${now}`, {
    hint: 'Look at it again, then repeat.',
  });
}
