// What the generated code uses of Android, androidx and JUnit: signatures alone, to compile against.
@file:Suppress("UNUSED_PARAMETER", "unused")

package android.content.res

import java.io.FileDescriptor
import java.io.InputStream

class AssetFileDescriptor {
    val fileDescriptor: FileDescriptor get() = TODO()
    val startOffset: Long get() = TODO()
    val declaredLength: Long get() = TODO()
}

class AssetManager {
    fun open(name: String): InputStream = TODO()
    fun openFd(name: String): AssetFileDescriptor = TODO()
}
