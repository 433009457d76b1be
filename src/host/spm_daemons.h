/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether libvirt's daemons on a host have loaded the module. */

#pragma once

#include "host/spm_exam.h"

void spm_daemons_examine(SpmExam *exam);
