#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Run a command as the first process of new mount and process namespaces: namespaces.pl COMMAND...
#
# This is unshare --mount --pid --fork --kill-child, but works in a chroot, and a signal ends it.
# A bare Debian has perl, without its libraries, and no python: hence the numbers, x86_64's.
use strict;
use warnings;

my ($mount, $prctl, $unshare, $setns, $pidfd_open) = (165, 157, 272, 308, 434);
my ($CLONE_NEWNS, $CLONE_NEWPID) = (0x20000, 0x20000000);
my ($MS_REC, $MS_PRIVATE) = (0x4000, 0x40000);
my ($PR_SET_PDEATHSIG, $SIGKILL) = (1, 9);

sub must {
    my ($what, $result) = @_;
    die "sandbox: $what: $!\n" if $result == -1;
    return $result;
}

# A mount namespace from which no mount leaks out. For that "/" is made private, which fails in a
# chroot: there it is no mount point. Leaving it as it is would show our mounts outside wherever the
# root is shared, as systemd makes it. So: step out of the chroot by entering our own namespace
# through a pidfd, which resets the root, make all private, and step back in.
sub enter_mount_namespace {
    must("unshare", syscall($unshare, $CLONE_NEWNS));
    # Opened in the new namespace: what was opened before belongs to the old one.
    opendir(my $root, "/") && opendir(my $here, ".") or die "sandbox: open: $!\n";
    my $self = must("pidfd_open", syscall($pidfd_open, $$ + 0, 0));
    must("setns", syscall($setns, $self, $CLONE_NEWNS));
    my ($none, $slash) = ("none", "/");
    must("mount", syscall($mount, $none, $slash, 0, $MS_REC | $MS_PRIVATE, 0));
    chdir($root) && chroot(".") && chdir($here) or die "sandbox: chroot: $!\n";
}

enter_mount_namespace();
must("unshare", syscall($unshare, $CLONE_NEWPID));
my $child = fork // die "sandbox: fork: $!\n";
if (!$child) {
    must("prctl", syscall($prctl, $PR_SET_PDEATHSIG, $SIGKILL));
    exec { $ARGV[0] } @ARGV or die "sandbox: $ARGV[0]: $!\n";
}
# When its first process is killed, the kernel ends the whole process namespace. The interrupt key
# reaches the command by itself.
$SIG{INT} = "IGNORE";
$SIG{$_} = sub { kill("KILL", $child) } for "TERM", "HUP", "QUIT";
1 while waitpid($child, 0) == -1;
exit($? & 127 ? 128 + ($? & 127) : $? >> 8);
