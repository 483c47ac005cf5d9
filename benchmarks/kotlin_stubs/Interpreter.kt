// org.tensorflow.lite as the AAR com.google.ai.edge.litert:litert 1.x has it, as far as the generated code uses it.
package org.tensorflow.lite

import java.nio.ByteBuffer

interface Delegate

class Tensor {
    fun shape(): IntArray = TODO()
    fun index(): Int = TODO()
    fun numBytes(): Int = TODO()
}

class Interpreter(model: ByteBuffer, options: Options) : AutoCloseable {
    class Options {
        fun addDelegate(delegate: Delegate): Options = TODO()
        fun setNumThreads(number: Int): Options = TODO()
        fun setUseXNNPACK(use: Boolean): Options = TODO()
    }

    val inputTensorCount: Int get() = TODO()
    fun getInputTensor(place: Int): Tensor = TODO()
    fun getInputTensorFromSignature(name: String, key: String): Tensor = TODO()
    fun getOutputTensorFromSignature(name: String, key: String): Tensor = TODO()
    fun resizeInput(place: Int, shape: IntArray): Unit = TODO()
    fun allocateTensors(): Unit = TODO()
    fun runSignature(inputs: Map<String, Any>, outputs: Map<String, Any>, key: String): Unit = TODO()
    override fun close(): Unit = TODO()
}
