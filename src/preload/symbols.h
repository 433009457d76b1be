/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every symbol of libvirt that the plugin interposes or calls, listed once.
 *
 * Included again and again, each time with other meanings of the macros:
 *   SPM_INTERPOSED(type, name, parameters)  exported by the plugin in place of libvirt's
 *   SPM_CALLED(type, name, parameters)      called only; all of them must be there
 *   SPM_OPTIONAL(type, name, parameters)    called if it is there
 * No include guard, for that reason. */

SPM_INTERPOSED(virDomainPtr, virDomainDefineXML, (virConnectPtr conn, const char *xml))
SPM_INTERPOSED(virDomainPtr, virDomainDefineXMLFlags, (virConnectPtr conn, const char *xml, unsigned int flags))
SPM_INTERPOSED(virDomainPtr, virDomainCreateXML, (virConnectPtr conn, const char *xml, unsigned int flags))
SPM_INTERPOSED(virDomainPtr, virDomainCreateXMLWithFiles,
               (virConnectPtr conn, const char *xml, unsigned int nfiles, int *files, unsigned int flags))
SPM_INTERPOSED(virDomainPtr, virDomainCreateLinux, (virConnectPtr conn, const char *xml, unsigned int flags))
SPM_INTERPOSED(char *, virConnectDomainXMLToNative,
               (virConnectPtr conn, const char *format, const char *xml, unsigned int flags))
SPM_INTERPOSED(char *, virDomainGetXMLDesc, (virDomainPtr domain, unsigned int flags))

SPM_CALLED(const char *, virConnectGetType, (virConnectPtr conn))
SPM_CALLED(int, virConnectGetLibVersion, (virConnectPtr conn, unsigned long *version))
/* Private, yet exported by every libvirt from 9.0 to 12.8 for its own daemons (src/util/virerror.h). */
SPM_CALLED(void, virReportErrorHelper,
           (int domain, int code, const char *file, const char *function, size_t line, const char *format, ...))
SPM_OPTIONAL(void, virDispatchError, (virConnectPtr conn))
