/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changing the spm elements of an inactive domain one at a time, as virsh attach-device --config does. */

#include "spm_device.h"

#include <string.h>

#include "spm_translate.h"
#include "spm_xml.h"

static gboolean
spm_root_is_spm(xmlDocPtr doc)
{
    xmlNodePtr root = xmlDocGetRootElement(doc);

    return spm_xml_is(root, NULL, "memory") && spm_memory_node_is_spm(root);
}

/**
 * spm_device_is_spm:
 * @xml: the document of one device
 *
 * Returns: TRUE when it is a <memory model='spm'>
 */
gboolean
spm_device_is_spm(const char *xml)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(xmlDoc) doc = NULL;

    if (!spm_translate_in_concerns(xml))
        return FALSE;
    doc = spm_xml_parse(xml, faults);
    return doc && spm_root_is_spm(doc);
}

/* The domain of @xml with its carriers shown as spm elements, or NULL. */
static xmlDocPtr
spm_parse_shown(const char *xml, GError **error)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autofree char *shown = spm_translate_out(xml, error);
    g_autoptr(xmlDoc) doc = shown ? spm_xml_parse(shown, faults) : NULL;

    if (shown && !spm_faults_to_error(faults, error))
        return NULL;
    return g_steal_pointer(&doc);
}

static char *
spm_value(xmlNodePtr memory, const char *path, const char *attribute)
{
    xmlNodePtr node = spm_xml_find(memory, path);

    return attribute ? spm_xml_attr(node, attribute) : spm_xml_content(node);
}

/* What @wanted says of @path must be what @memory has; what it does not say matches anything. */
static gboolean
spm_value_matches(xmlNodePtr memory, xmlNodePtr wanted, const char *path, const char *attribute)
{
    g_autofree char *value = spm_value(wanted, path, attribute);
    g_autofree char *other = spm_value(memory, path, attribute);

    return !value || g_strcmp0(value, other) == 0;
}

static gboolean
spm_size_matches(xmlNodePtr memory, xmlNodePtr wanted)
{
    g_autofree char *value = spm_value(wanted, "target/size", NULL);
    g_autofree char *unit = spm_value(wanted, "target/size", "unit");
    g_autofree char *other_value = spm_value(memory, "target/size", NULL);
    g_autofree char *other_unit = spm_value(memory, "target/size", "unit");
    guint64 size, other;

    return value && other_value && spm_parse_size(value, unit, &size) &&
           spm_parse_size(other_value, other_unit, &other) && size == other;
}

/* The spm element of @domain that @wanted means: that of its alias if it has one, else the first that
 * agrees in all that it says of its place. */
static xmlNodePtr
spm_find_device(xmlNodePtr domain, xmlNodePtr wanted)
{
    g_autoptr(GPtrArray) memories = spm_xml_children(spm_xml_find(domain, "devices"), NULL, "memory");
    gboolean by_alias = spm_xml_find(wanted, "alias") != NULL;

    for (guint i = 0; i < memories->len; i++) {
        xmlNodePtr memory = g_ptr_array_index(memories, i);

        if (!spm_memory_node_is_spm(memory) || !spm_value_matches(memory, wanted, "alias", "name"))
            continue;
        if (by_alias ||
            (spm_size_matches(memory, wanted) && spm_value_matches(memory, wanted, "target/node", NULL) &&
             spm_value_matches(memory, wanted, "target/address", "base") &&
             spm_value_matches(memory, wanted, "source/path", NULL)))
            return memory;
    }
    return NULL;
}

/**
 * spm_device_domain_has_alias:
 * @domain_xml: a domain, as stock XML
 * @alias: an alias
 *
 * Returns: TRUE when it is that of one of the domain's carriers
 */
gboolean
spm_device_domain_has_alias(const char *domain_xml, const char *alias)
{
    g_autoptr(xmlDoc) doc = spm_translate_out_concerns(domain_xml) ? spm_parse_shown(domain_xml, NULL) : NULL;
    g_autoptr(GPtrArray) memories =
        spm_xml_children(doc ? spm_xml_find(xmlDocGetRootElement(doc), "devices") : NULL, NULL, "memory");

    for (guint i = 0; i < memories->len; i++) {
        xmlNodePtr memory = g_ptr_array_index(memories, i);
        g_autofree char *name = spm_value(memory, "alias", "name");

        if (spm_memory_node_is_spm(memory) && g_strcmp0(name, alias) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean
spm_apply(xmlNodePtr domain, SpmDeviceAction action, xmlNodePtr device, GError **error)
{
    xmlNodePtr devices = spm_xml_find(domain, "devices");
    xmlNodePtr present = action == SPM_DEVICE_ATTACH ? NULL : spm_find_device(domain, device);

    if (action != SPM_DEVICE_ATTACH && !present) {
        g_autofree char *alias = spm_value(device, "alias", "name");

        g_set_error(error, SPM_ERROR, SPM_ERROR_NOT_FOUND,
                    "the domain's configuration has no such <memory model='spm'>%s%s%s",
                    alias ? " with alias '" : "", alias ? alias : "", alias ? "'" : "");
        return FALSE;
    }
    if (action == SPM_DEVICE_ATTACH && devices)
        spm_xml_append(devices, xmlDocCopyNode(device, domain->doc, 1));
    else if (action == SPM_DEVICE_UPDATE)
        spm_xml_replace(present, xmlDocCopyNode(device, domain->doc, 1));
    else if (present)
        spm_xml_remove(present);
    return TRUE;
}

/**
 * spm_device_change:
 * @domain_xml: the inactive domain, as stock XML
 * @action: what to do
 * @device_xml: a <memory model='spm'>
 * @options: for which device and libvirt
 * @error: set on failure: as by spm_translate_in(), or SPM_ERROR_NOT_FOUND
 *
 * Returns: (transfer full): the changed domain, as stock XML, or NULL
 */
char *
spm_device_change(const char *domain_xml, SpmDeviceAction action, const char *device_xml,
                  const SpmQemuOptions *options, GError **error)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(xmlDoc) device = spm_xml_parse(device_xml, faults);
    g_autoptr(xmlDoc) doc = NULL;
    g_autofree char *changed = NULL;

    if (!spm_faults_to_error(faults, error))
        return NULL;
    doc = spm_parse_shown(domain_xml, error);
    if (!doc || !spm_apply(xmlDocGetRootElement(doc), action, xmlDocGetRootElement(device), error))
        return NULL;
    changed = spm_xml_format(doc);
    return spm_translate_in(changed, options, error);
}
