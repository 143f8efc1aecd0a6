import { SimpleGrid, Stack } from '@mantine/core';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiImageDetail } from '../../../src/model/api/images.ts';
import { Facts, type Fact } from '../../components/facts.tsx';
import { Digest } from '../../components/digest.tsx';
import { useFormat } from '../../components/format.ts';
import { Section } from '../../components/section.tsx';
import { AncestrySection } from './ancestry-section.tsx';
import { DeploymentsSection } from './deployments-section.tsx';
import { FilesTable } from './files-table.tsx';
import { StepTimes } from './step-times.tsx';

export function OverviewTab({ detail }: { detail: ApiImageDetail }): ReactElement {
  const { t } = useTranslation();
  const format = useFormat();
  const { image, manifest, evidence } = detail;
  const name = { template: image.template, version: image.version };
  const about: Fact[] = [
    [t('image.description'), manifest.description],
    [t('image.os'), `${manifest.os.pretty} (${manifest.os.pointRelease})`],
    [t('image.platforms'), manifest.platforms.join(', ')],
    [t('image.firmware'), t(`image.firmwares.${manifest.firmware as 'bios' | 'uefi' | 'both'}`)],
    [t('image.diskSize'), format.bytes(manifest.sizes.virtual)],
    [t('image.rootSize'), format.bytes(manifest.sizes.root)],
    [t('image.packageCount'), format.number(manifest.packages.count)],
    [t('image.created'), format.dateTime(manifest.created)],
    [
      t('image.endOfLife'),
      image.endOfLife
        ? t('image.endOfLifeDates', {
            full: format.date(image.endOfLife.full),
            lts: format.date(image.endOfLife.lts),
          })
        : t('common.unknown'),
    ],
  ];
  const identity: Fact[] = [
    [t('image.manifestDigest'), <Digest key="digest" value={image.digest} />],
    [t('image.planDigest'), <Digest key="plan" value={manifest.plan} />],
    [t('image.signatures'), image.signatures.length > 0 ? image.signatures.join(', ') : t('image.unsigned')],
    [t('image.builtWith'), `Gabarit ${manifest.build.gabarit}`],
    [
      t('image.tools'),
      Object.entries(manifest.build.tools)
        .map(([tool, version]) => `${tool} ${version}`)
        .join(', ') || t('common.none'),
    ],
    [t('image.definitions'), manifest.definitions.map(({ template }) => template).join(' ← ')],
  ];
  return (
    <Stack gap="lg">
      <Section title={t('image.artifacts')}>
        <FilesTable
          name={name}
          files={manifest.artifacts.map((file) => ({ ...file, kind: file.format }))}
          label={t('image.artifacts')}
        />
      </Section>
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        <Section title={t('image.about')}>
          <Facts facts={about} />
        </Section>
        <Section title={t('image.identity')}>
          <Facts facts={identity} />
        </Section>
        <Section title={t('image.buildTimes')}>
          <StepTimes seconds={manifest.build.seconds} />
        </Section>
        <Section title={t('image.ancestry')}>
          <AncestrySection name={name} />
        </Section>
      </SimpleGrid>
      <DeploymentsSection digest={image.digest} />
      <Section title={t('image.evidence')}>
        <FilesTable name={name} files={evidence} label={t('image.evidence')} />
      </Section>
    </Stack>
  );
}
