package org.tensorflow.lite.gpu

import org.tensorflow.lite.Delegate

class GpuDelegateFactory {
    class Options
}

class GpuDelegate(options: GpuDelegateFactory.Options) : Delegate, AutoCloseable {
    override fun close(): Unit = TODO()
}

class CompatibilityList : AutoCloseable {
    val isDelegateSupportedOnThisDevice: Boolean get() = TODO()
    val bestOptionsForThisDevice: GpuDelegateFactory.Options get() = TODO()
    override fun close(): Unit = TODO()
}
