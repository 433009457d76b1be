#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Run a command as the first process of new mount and process namespaces: namespaces.pl COMMAND...
#
# This program does what unshare --mount --pid --fork --kill-child does, but it works in a chroot, and a signal ends it.
# A minimal Debian has perl without its libraries, and no python. So the program uses numeric constants, for x86_64.
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

# Enter a mount namespace from which no mount propagates. "/" has to become private: where the root is shared, as systemd
# makes it, our mounts would otherwise appear outside. This fails in a chroot, because its "/" is not a mount point. So
# the function leaves the chroot by entering our own namespace through a pidfd, which resets the root. Then it makes all
# mounts private and enters the chroot again.
sub enter_mount_namespace {
    must("unshare", syscall($unshare, $CLONE_NEWNS));
    # These must be opened in the new namespace: descriptors that were opened before belong to the old one.
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
# When the first process is killed, the kernel ends the whole process namespace. The terminal sends SIGINT to the
# command directly, so it is ignored here.
$SIG{INT} = "IGNORE";
$SIG{$_} = sub { kill("KILL", $child) } for "TERM", "HUP", "QUIT";
1 while waitpid($child, 0) == -1;
exit($? & 127 ? 128 + ($? & 127) : $? >> 8);
