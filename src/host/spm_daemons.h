/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether the daemons of a host have the module. */

#pragma once

#include "host/spm_exam.h"

void spm_daemons_examine(SpmExam *exam);
