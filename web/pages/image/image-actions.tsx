import { Button, Group, Menu } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconArrowUpRight, IconBan, IconChevronDown, IconRestore, IconServer2 } from '@tabler/icons-react';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiImageDetail } from '../../../src/model/api/images.ts';
import { useChange } from '../../api/change.ts';
import { useMay } from '../../api/session.ts';
import { announce } from '../../components/announce.ts';
import { DeployDialog } from '../targets/deploy-dialog.tsx';
import { PromoteDialog } from './promote-dialog.tsx';
import { RevokeDialog } from './revoke-dialog.tsx';

/** What one can do with an image. */
export function ImageActions({ detail }: { detail: ApiImageDetail }): ReactElement | null {
  const { t } = useTranslation();
  const may = useMay();
  const [isPromoting, promote] = useDisclosure(false);
  const [isRevoking, revoke] = useDisclosure(false);
  const [isDeploying, deploy] = useDisclosure(false);
  const { template, version, digest, revoked } = detail.image;
  const name = { template, version };
  const restore = useChange('POST /images/:template/:version/restore', ['GET /images/:template/:version', 'GET /images'], () =>
    announce(t('image.restored')),
  );
  if (!may('publisher')) return null;
  return (
    <Group gap="xs">
      {revoked ? (
        <Button
          variant="default"
          leftSection={<IconRestore size={16} aria-hidden />}
          loading={restore.isPending}
          onClick={() => restore.mutate({ params: name, query: {} })}
        >
          {t('image.restore')}
        </Button>
      ) : (
        <>
          <Button leftSection={<IconArrowUpRight size={16} aria-hidden />} onClick={promote.open}>
            {t('promote.title')}
          </Button>
          <Menu position="bottom-end">
            <Menu.Target>
              <Button variant="default" rightSection={<IconChevronDown size={14} aria-hidden />}>
                {t('common.more')}
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item leftSection={<IconServer2 size={14} aria-hidden />} onClick={deploy.open}>
                {t('targets.deploy')}
              </Menu.Item>
              <Menu.Item leftSection={<IconBan size={14} aria-hidden />} onClick={revoke.open}>
                {t('revoke.title')}
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </>
      )}
      {isPromoting && <PromoteDialog image={{ ...name, digest }} onClose={promote.close} />}
      {isRevoking && <RevokeDialog name={name} onClose={revoke.close} />}
      {isDeploying && <DeployDialog image={`${template}@${version}`} onClose={deploy.close} />}
    </Group>
  );
}
