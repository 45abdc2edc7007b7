#!/bin/bash
# The first process of the guest: loads what attaches a USB device by USB/IP, connects to the test on the host, and runs
# the lines that it sends. Each is answered by its status, the length of its output, and the output.
export PATH=/bin
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs devtmpfs /dev
for module in $(</modules); do busybox insmod "/lib/$module" || echo "$module was not loaded"; done
busybox ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up

vhci=/sys/devices/platform/vhci_hcd.0
tty=/dev/ttyACM0

# Waits until a command succeeds.
until_true() {
    for _ in {1..300}; do
        "$@" && return
        busybox sleep 0.1
    done
    echo "this never came: $*"
    return 1
}
is_free() { busybox grep -q '^hs  0000 004' $vhci/status; }
is_there() { test -c $tty; }
is_gone() { ! test -e $tty; }

# OP_REQ_IMPORT of 1-1 at a port of the host; the kernel takes the connection over.
attach() {
    until_true is_free || return
    exec 5<>"/dev/tcp/10.0.2.2/$1" || return
    printf '\x01\x11\x80\x03\0\0\0\0001-1' >&5
    busybox dd if=/dev/zero bs=29 count=1 2>/dev/null >&5
    busybox dd bs=1 count=320 <&5 >/import 2>/dev/null
    test "$(busybox wc -c </import)" = 320 || { echo "the import was refused"; exec 5>&-; return 1; }
    echo "0 5 65538 2" >$vhci/attach
    local status=$?
    exec 5>&-
    test $status = 0 && until_true is_there
}
detach() {
    echo 0 >$vhci/detach
    until_true is_gone
}
# What the kernel says about the device.
describe() {
    local device
    for device in /sys/bus/usb/devices/[0-9]*-[1-9]*:1.0/..; do
        echo "$(<"$device/idVendor"):$(<"$device/idProduct") $(<"$device/speed") $(<"$device/product") $(<"$device/serial")"
    done
}
# Carries bytes between the serial port and a port of the host.
relay() {
    busybox stty -F $tty raw -echo 115200 && exec 6<>"/dev/tcp/10.0.2.2/$1" || return
    busybox cat $tty >&6 &
    busybox cat <&6 >$tty &
    exec 6>&-
}
relay_ends() {
    kill $(jobs -p) 2>/dev/null
    wait
}

port=$(busybox sed 's/.*drydock.port=\([0-9]*\).*/\1/' /proc/cmdline)
exec 4<>"/dev/tcp/10.0.2.2/$port"
while IFS= read -r line <&4; do
    eval "$line" >/output 2>&1 </dev/null
    echo "$? $(busybox wc -c </output)" >&4
    busybox cat /output >&4
done
busybox poweroff -f
