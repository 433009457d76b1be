/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changing the spm elements of an inactive domain one at a time, as virsh attach-device --config does. */

#pragma once

#include "qemu_spm_caps.h"

typedef enum {
    SPM_DEVICE_ATTACH,
    SPM_DEVICE_UPDATE,
    SPM_DEVICE_DETACH,
} SpmDeviceAction;

gboolean spm_device_is_spm(const char *xml);
gboolean spm_device_domain_has_alias(const char *domain_xml, const char *alias);
char *spm_device_change(const char *domain_xml, SpmDeviceAction action, const char *device_xml,
                        const SpmQemuOptions *options, GError **error);
